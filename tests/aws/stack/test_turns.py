"""`delete` and `deploy` in turn: what waits in the queue, and names that are free only later."""

import re

import pytest
from cloud import denied
from conftest import GIVEN, STACK, failed, says, succeeded
from runs import Scenario
from wire import Refusal

# Amazon S3 API Reference, "Error responses": OperationAborted, 409 Conflict.
CONFLICT = "A conflicting conditional operation is currently in progress against this resource. Try again."
# As CloudFormation passes it on (FINRAOS/herd-mdl issue 87).
ABORTED = f"{CONFLICT} (Service: Amazon S3; Status Code: 409; Error Code: OperationAborted; Request ID: F8AD1BA818366C8B)"
# Amazon SQS API Reference, CreateQueue, QueueDeletedRecently.
RECENTLY = (
    "You must wait 60 seconds after deleting a queue before you can create another queue with the "
    "same name."
)


@pytest.fixture
def worked(cloud, program):
    """A stack that stands, with two logs."""
    succeeded(program.first())
    raw = cloud.buckets.all[cloud.bucket_name("server")]
    for day in ("2026-01-01", "2026-01-02"):
        raw.put(f"web01/{day}.log", b"a log")
    return raw


# ---- what waits in the queue ----


@pytest.mark.parametrize("purge", [[], ["--purge"]])
def test_failed_events_are_counted_before_the_question(cloud, program, worked, purge):
    for number in range(5):
        cloud.fail(f"web0{number}/2026-01-01.log")
    # Two of them somebody is replaying.
    cloud.hidden = {"0", "1"}
    told = program("delete", *purge, terminal=True, answer="n\n")
    says(told, r"failed events in the queue: 3, being replayed: 2", "go with the stack", "no results")
    assert re.search(r"^\s+log2aws stack replay --env dev .*--stack-name log2aws-dev", told.out, re.M)
    assert "failed events" in told.out.split("(y/n)")[0]
    assert not cloud.of("DeleteStack") and len(cloud.queue) == 5
    (asked,) = cloud.of("GetQueueAttributes")
    assert asked.fields["AttributeNames"] == [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
    ]


def test_events_in_flight_alone_are_told(cloud, program, worked):
    cloud.fail("web01/2026-01-01.log")
    cloud.hidden = {"0"}
    says(succeeded(program("delete")), "failed events in the queue: 0, being replayed: 1")
    assert cloud.stacks.stack(STACK) is None, "it is told, and does not refuse"


def test_an_empty_queue_is_not_told(cloud, program, worked):
    assert "failed events" not in succeeded(program("delete")).all


def test_a_queue_that_cannot_be_counted_is_told_and_no_obstacle(cloud, program, worked):
    right = denied("sqs:GetQueueAttributes", "log2aws-dev-FailedEvents")
    cloud.fault("GetQueueAttributes", right, times=9)
    says(succeeded(program("delete")), "could not be counted", "sqs:GetQueueAttributes")
    assert cloud.stacks.stack(STACK) is None


# ---- names ----


def test_delete_and_deploy_in_turn_twice(cloud, program, worked):
    for _ in range(2):
        says(succeeded(program("delete")), "takes them over", "All other names are free now")
        assert len(worked.versions) == 2
        succeeded(program.first())
        assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"
        assert cloud.buckets.all[worked.name] is worked and len(worked.versions) == 2


def test_purge_and_deploy_in_turn_twice(cloud, program, worked):
    for _ in range(2):
        told = succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
        names = ", ".join(cloud.bucket_name(kind) for kind in ("server", "analyzed"))
        says(told, f"free again after some minutes, at times an hour: {re.escape(names)}")
        # A deploy that is too early fails, and says when it is not.
        cloud.stacks.scenario = Scenario(fails={"RawBucket": ABORTED})
        told = failed(program.first(), "OperationAborted", "at times an hour", "Wait that long")
        assert re.search(r"^\s+log2aws stack delete ", told.err, re.M)
        cloud.stacks.scenario = Scenario()
        failed(program.first(), "ROLLBACK_COMPLETE", "log2aws stack delete")
        succeeded(program("delete"))
        succeeded(program.first())
        assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"


def test_nothing_to_purge_promises_no_name(cloud, program):
    cloud.stacks.standing(STACK, GIVEN)
    cloud.buckets.all.clear()
    told = succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
    assert "free again" not in told.all


def test_a_queue_of_an_earlier_template_is_named_with_its_minute(cloud, program):
    cloud.stacks.scenario = Scenario(fails={"FailedEvents": RECENTLY})
    failed(program.first(), "FailedEvents", "60 seconds", "after a minute", "log2aws stack delete")


@pytest.mark.parametrize("times", [1, 3])
def test_the_bucket_for_the_zips_is_waited_for(cloud, program, times):
    cloud.fault("CreateBucket", Refusal("OperationAborted", CONFLICT, 409), times=times)
    succeeded(program.first())
    assert cloud.artifact_bucket() in cloud.buckets.all


def test_the_bucket_for_the_zips_is_not_waited_for_for_ever(cloud, program):
    cloud.fault("CreateBucket", Refusal("OperationAborted", CONFLICT, 409), times=10_000)
    told = program.first("--patience-ms", "1500")
    failed(told, "OperationAborted", cloud.artifact_bucket(), "at times an hour")
    assert 1 < len(cloud.of("CreateBucket"))
    assert not cloud.of("ExecuteChangeSet") and cloud.stacks.stack(STACK) is None
