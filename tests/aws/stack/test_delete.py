"""`stack delete`: what goes, what stays, and `--purge`, which leaves nothing."""

import re

import pytest
from cloud import denied
from conftest import GIVEN, STACK, failed, happened, progress, refused, says, succeeded
from runs import Scenario
from wire import Refusal


@pytest.fixture
def buckets(cloud, standing):
    """The two buckets of a stack that has worked for a while."""
    raw = cloud.buckets.all[cloud.bucket_name("server")]
    results = cloud.buckets.all[cloud.bucket_name("analyzed")]
    for day in range(1, 4):
        raw.put(f"web01/2026-01-{day:02}.log", b"x" * 1000)
        results.put(f"web01/2026-01-{day:02}.csv", b"y" * 10)
    return raw, results


def filled(cloud, versions):
    """A stack with logs, made before the program runs."""
    cloud.buckets.make(cloud.artifact_bucket())
    cloud.stacks.standing(STACK, GIVEN)
    fill(cloud.buckets.all[cloud.bucket_name("server")], versions)


def fill(bucket, versions, markers=0, uploads=0):
    for number in range(versions):
        bucket.put(f"web{number % 40:02}/2026-02-01 é+&<.log", b"z")
    for number in range(markers):
        bucket.mark_deleted(f"web{number:04}/gone.log")
    for number in range(uploads):
        bucket.begin_upload(f"web01/part-{number:04}.log")


def test_delete_lists_what_goes_and_keeps_the_buckets(cloud, program, standing, buckets):
    since = len(standing.events)
    told = succeeded(program("delete"))
    assert standing.status == "DELETE_COMPLETE"
    assert progress(told) == happened(standing, since)
    for name in standing.template["Resources"]:
        assert name in told.out, f"{name}: {told}"
    for bucket in buckets:
        assert bucket.name in told.out
        assert cloud.buckets.all[bucket.name] is bucket and len(bucket.versions) == 3
    says(told, r"\b3\b", "kept|stay", "deploy.*(takes|over)|takes.*over")
    assert not cloud.of("DeleteObjects") and not cloud.of("DeleteBucket")


def test_many_objects_are_counted_up_to_a_thousand(cloud, program, standing, buckets):
    fill(buckets[0], 1_500)
    says(succeeded(program("delete")), "1,?000 or more")
    pages = [c for c in cloud.of("ListObjectVersions") if buckets[0].name in c.path]
    assert len(pages) <= 2


def test_no_stack_is_nothing_to_delete(cloud, program):
    told = succeeded(program("delete"))
    says(told, STACK, cloud.region, "nothing to delete")
    assert not cloud.changes()


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_it_asks_before_it_deletes(cloud, program, env):
    stack = cloud.stacks.standing(f"log2aws-{env}", {**GIVEN, "Env": env})
    told = program("delete", "--env", env, terminal=True, answer="n\n")
    says(told, f"log2aws-{env}", r"\(y/n\)", "nothing was")
    assert told.code == 0 and not cloud.changes()
    refused(program("delete", "--env", env, terminal=True, answer=""), f"--yes {env}")
    assert not cloud.changes()
    succeeded(program("delete", "--env", env, terminal=True, answer="y\n"))
    assert stack.status == "DELETE_COMPLETE"


def test_without_a_terminal_a_delete_is_approved_by_name(cloud, program, standing):
    refused(program("delete", yes=False, answer="y\n"), "terminal", "--yes dev")
    assert not cloud.calls
    told = succeeded(program("delete", "--yes", "dev", yes=False))
    assert "(y/n)" not in told.all and standing.status == "DELETE_COMPLETE"


@pytest.mark.parametrize("yes", [False, True])
@pytest.mark.parametrize("answer", ["y\n", "log2aws\n", "LOG2AWS-DEV\n", "\n", ""])
def test_purge_wants_the_name_typed(cloud, program, standing, buckets, yes, answer):
    told = failed(program("delete", "--purge", yes=yes, answer=answer), STACK)
    if answer:
        says(told, f"not {STACK}", "nothing was removed")
    assert not cloud.changes()
    assert standing.status == "CREATE_COMPLETE"


@pytest.mark.parametrize("versioned", [2, 2_500])
def test_purge_leaves_nothing(cloud, program, standing, buckets, versioned):
    raw, results = buckets
    fill(raw, versioned, markers=1_200, uploads=3)
    fill(results, 5, markers=1)
    told = succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
    assert standing.status == "DELETE_COMPLETE"
    assert set(cloud.buckets.all) == {cloud.artifact_bucket()}
    for call in cloud.of("DeleteObjects"):
        assert len(call.wanted) <= 1000
        assert all(version for _, version in call.wanted), "a delete without a version only hides"
    assert len(cloud.of("AbortMultipartUpload")) == 3
    for call in cloud.calls:
        if call.service == "s3":
            assert call.headers.get("x-amz-expected-bucket-owner") == cloud.account, call
    gone = cloud.actions().index("DeleteObjects")
    assert cloud.actions().index("DeleteStack") < gone, "first nothing writes any more"
    says(told, raw.name, results.name)


def test_purge_after_a_delete_that_kept_the_buckets(cloud, program, standing, buckets):
    succeeded(program("delete"))
    failed(program("delete", "--purge", answer="no\n"), STACK)
    assert all(bucket.versions for bucket in buckets)
    succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
    assert set(cloud.buckets.all) == {cloud.artifact_bucket()}


def test_purge_of_prod_asks_once(cloud, program):
    cloud.stacks.standing("log2aws-prod", {**GIVEN, "Env": "prod"})
    told = succeeded(program("delete", "--env", "prod", "--purge", answer="log2aws-prod\n"))
    assert "(y/n)" not in told.all
    assert cloud.bucket_name("server", "prod") not in cloud.buckets.all


def test_purge_of_one_environment_leaves_the_other(cloud, program, standing, buckets):
    cloud.stacks.standing("log2aws-stage", {**GIVEN, "Env": "stage"})
    succeeded(program("delete", "--env", "stage", "--purge", answer="log2aws-stage\n"))
    assert standing.status == "CREATE_COMPLETE"
    assert all(len(bucket.versions) == 3 for bucket in buckets)
    assert cloud.bucket_name("server", "stage") not in cloud.buckets.all


def test_purge_of_nothing_at_all_is_done(cloud, program):
    told = program("delete", "--purge", answer=f"{STACK}\n")
    assert told.code == 0, told
    assert not cloud.changes()


def test_purge_does_not_touch_buckets_of_somebody_else(cloud, program, standing, buckets):
    for bucket in buckets:
        bucket.owner = "999999999999"
    failed(program("delete", "--purge", answer=f"{STACK}\n"), buckets[0].name)
    assert all(len(bucket.versions) == 3 for bucket in buckets)


def test_an_object_that_is_locked_is_named(cloud, program, standing, buckets):
    raw, _ = buckets
    version = raw.versions[1]
    raw.locked = {(version.key, version.id)}
    told = failed(program("delete", "--purge", answer=f"{STACK}\n"), raw.name)
    assert version.key in told.all and "Access Denied" in told.all, told
    assert raw.versions == [version]


def test_a_delete_that_fails_names_the_cause(cloud, program, standing, buckets):
    reason = "Cannot delete, the log group is protected (Service: CloudWatchLogs; Status Code: 400)"
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLogLog": reason})
    told = failed(
        program("delete", "--purge", answer=f"{STACK}\n"), "AnalyzeLogLog", "DELETE_FAILED"
    )
    said = "\n".join(line for line in told.all.splitlines() if " AWS::" not in line)
    assert reason in said and "The following resource(s)" not in said, told
    assert all(len(bucket.versions) == 3 for bucket in buckets), "logs go after the stack only"
    cloud.stacks.scenario = Scenario()
    succeeded(program("delete"))
    assert standing.status == "DELETE_COMPLETE"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_a_stuck_stack_can_be_deleted(cloud, program, status):
    stack = cloud.stacks.standing(STACK, GIVEN, status)
    succeeded(program("delete"))
    assert stack.status == "DELETE_COMPLETE"


def test_a_failed_create_is_deleted_and_deployed_anew(cloud, program):
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLog": "no such zip"})
    failed(program.first(), "log2aws stack delete")
    cloud.stacks.scenario = Scenario()
    succeeded(program("delete"))
    succeeded(program.first())
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"


def test_delete_without_the_right_names_it(cloud, program, standing):
    arn = f"arn:aws:cloudformation:{cloud.region}:{cloud.account}:stack/{STACK}/1"
    cloud.fault("DeleteStack", denied("cloudformation:DeleteStack", arn), times=9)
    told = failed(program("delete"), "cloudformation:DeleteStack")
    assert arn in told.all
    assert standing.status == "CREATE_COMPLETE"


def test_a_protected_stack_is_told(cloud, program, standing):
    said = f"Stack [{STACK}] cannot be deleted while TerminationProtection is enabled"
    cloud.fault("DeleteStack", Refusal("ValidationError", said))
    failed(program("delete"), "TerminationProtection")


def test_progress_of_a_delete_comes_in_pages(cloud, program, standing):
    since = len(standing.events)
    cloud.stacks.page = 3
    told = succeeded(program("delete"))
    assert progress(told) == happened(standing, since)
    for name in standing.template["Resources"]:
        assert re.search(rf"\b{name}\b", told.out), name


def test_a_stack_that_is_not_ours_is_left_alone(cloud, program):
    """The name is only the folder's: somebody else's stack may well have it."""
    template = "\n".join(
        [
            "Description: somebody's queue",
            "Parameters: {Size: {Type: String, Default: small}}",
            "Conditions: {}",
            "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: jobs}}}",
            "Outputs: {}",
        ]
    )
    stack = cloud.stacks.standing(STACK, {}, body=template)
    failed(program("delete"), STACK, "not made by log2aws", "--stack-name")
    failed(program("delete", "--purge", answer=f"{STACK}\n"), "--stack-name")
    failed(program.first(), STACK, "not made by log2aws", "--stack-name")
    assert not cloud.changes()
    assert stack.status == "CREATE_COMPLETE"


def test_another_environment_than_the_stacks_own_is_refused(cloud, program, standing, buckets):
    """The buckets are named by the environment: this would empty those of another stack."""
    stage = cloud.stacks.standing("log2aws-stage", {**GIVEN, "Env": "stage"})
    flags = ["--env", "dev", "--stack-name", "log2aws-stage"]
    failed(program("delete", "--purge", *flags, answer="log2aws-stage\n"), "stage", "dev", "--env")
    failed(program("delete", *flags), "stage", "dev", "--env")
    failed(program.first(*flags), "stage", "dev", "--env")
    assert not cloud.changes()
    assert stage.status == standing.status == "CREATE_COMPLETE"
    assert all(len(bucket.versions) == 3 for bucket in buckets)


def test_purge_leaves_buckets_that_another_stack_uses(cloud, program):
    """Run in another folder, the command means another stack; the environment is the same."""
    other = cloud.stacks.standing("load-logs-dev", GIVEN)
    raw = cloud.buckets.all[cloud.bucket_name("server")]
    raw.put("web01/2026-01-01.log", b"a log")
    failed(program("delete", "--purge", answer=f"{STACK}\n"), "in use", "--stack-name")
    assert not cloud.changes()
    assert other.status == "CREATE_COMPLETE" and len(raw.versions) == 1


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE"])
def test_of_a_stack_that_is_but_a_name_nothing_else_is_listed(cloud, program, status):
    if status == "REVIEW_IN_PROGRESS":
        stack = cloud.stacks._new(STACK)
        cloud.stacks.all.append(stack)
    else:
        cloud.stacks.scenario = Scenario(fails={"AnalyzeLog": "no such zip"})
        failed(program.first(), status)
        cloud.stacks.scenario = Scenario()
        stack = cloud.stacks.stack(STACK)
    assert stack.status == status
    told = succeeded(program("delete"))
    listed = told.out.partition("DELETE_IN_PROGRESS")[0]
    says(told, status, "nothing but its name")
    assert not re.search(r"^  \S+\s+AWS::|with it go", listed, re.M), told
    assert cloud.stacks.stack(STACK) is None and stack.status == "DELETE_COMPLETE"


def test_who_may_not_look_into_the_buckets_may_still_delete(cloud, program, standing, buckets):
    arn = f"arn:aws:s3:::{buckets[0].name}"
    cloud.fault("ListObjectVersions", denied("s3:ListBucketVersions", arn), times=20)
    told = succeeded(program("delete"))
    assert standing.status == "DELETE_COMPLETE"
    for bucket in buckets:
        assert bucket.name in told.out and len(bucket.versions) == 3, told


def test_who_may_not_look_into_the_buckets_may_not_purge(cloud, program, standing, buckets):
    arn = f"arn:aws:s3:::{buckets[0].name}"
    cloud.fault("ListObjectVersions", denied("s3:ListBucketVersions", arn), times=20)
    told = failed(program("delete", "--purge", answer=f"{STACK}\n"), "s3:ListBucketVersions")
    assert arn in told.all
    assert not cloud.changes() and standing.status == "CREATE_COMPLETE"
    assert all(len(bucket.versions) == 3 for bucket in buckets)
