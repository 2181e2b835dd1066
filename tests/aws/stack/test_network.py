"""Ctrl-C and a network that breaks: the deploy lives in AWS, and can be followed from there."""

import signal
import time

import pytest
from cloud import Closed
from conftest import HOSTS, STACK, failed, happened, progress, succeeded
from runs import Scenario
from wire import Answer, Lost, Stalled

FOLLOW = r"log2aws stack events.*--follow"


def wait_for(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_leaves_the_deploy_running(cloud, program):
    cloud.stacks.scenario = scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    told = failed(running.interrupt(), "goes on", FOLLOW)
    assert not {"DeleteStack", "CancelUpdateStack", "RollbackStack"} & set(cloud.actions()), told
    scenario.gate.set()
    told = succeeded(program("events", "--follow"))
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"
    assert progress(told)[-1][:2] == ("CREATE_COMPLETE", STACK)


def test_the_command_to_follow_names_what_was_named(cloud, program):
    """Pasted as it is, it must find this stack."""
    cloud.stacks.scenario = Scenario(holds_after=2)
    running = program.start(
        "deploy",
        "--allow-hosts",
        HOSTS,
        "--env",
        "stage",
        "--stack-name",
        "other",
        "--region",
        cloud.region,
    )
    running.until(r"CREATE_IN_PROGRESS\s+\S+\s+AWS::")
    told = failed(running.interrupt(), FOLLOW)
    line = next(line for line in told.all.splitlines() if "--follow" in line)
    assert "--stack-name other" in line, told


def test_ctrl_c_before_the_deploy_changes_nothing(cloud, program):
    cloud.fault("GetCallerIdentity", Stalled(), times=100)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    wait_for(lambda: cloud.calls)
    failed(running.interrupt(), "nothing was changed")
    assert not cloud.changes()


def test_ctrl_c_at_the_question_changes_nothing(cloud, program):
    running = program.start("deploy", "--allow-hosts", HOSTS, "--env", "prod", terminal=True)
    running.until(r"\(y/n\)")
    running.process.send_signal(signal.SIGINT)
    running.process.wait(timeout=20)
    assert running.process.returncode != 0
    told = failed(running.end(), "interrupted; the stack was not changed")
    done = {call.action for call in cloud.changes()}
    assert done == {"CreateChangeSet", "DeleteChangeSet", "DeleteStack"}, told
    assert cloud.stacks.stack("log2aws-prod") is None, "the plan is taken back"


def test_ctrl_c_while_the_change_is_planned_leaves_the_stack(cloud, program, standing):
    cloud.stacks.scenario = Scenario(pending=100_000)
    running = program.start("deploy", "--parameter", "RawKeepDays=9")
    wait_for(lambda: len(cloud.of("DescribeChangeSet")) > 2)
    failed(running.interrupt(), "interrupted; the stack was not changed")
    assert not cloud.of("ExecuteChangeSet") and standing.status == "CREATE_COMPLETE"


def test_ctrl_c_while_a_stack_is_deleted_leaves_it_to_aws(cloud, program, standing):
    cloud.stacks.scenario = scenario = Scenario(holds_after=3)
    running = program.start("delete")
    running.until(r"DELETE_IN_PROGRESS\s+\S+\s+AWS::")
    failed(running.interrupt(), "goes on", FOLLOW)
    scenario.gate.set()
    assert standing.status == "DELETE_IN_PROGRESS"


def test_ctrl_c_while_buckets_are_emptied_does_not_deny_it(cloud, program, standing):
    bucket = cloud.buckets.all[cloud.bucket_name("server")]
    for number in range(1_500):
        bucket.put(f"web01/{number:05}.log", b"x")
    cloud.fault("DeleteObjects", Stalled(), after=1, times=10_000)
    running = program.start("delete", "--purge")
    running.process.stdin.write(f"{STACK}\n")
    running.process.stdin.flush()
    wait_for(lambda: len(cloud.of("DeleteObjects")) == 2)
    told = failed(running.interrupt(), "--purge|again")
    assert len(bucket.versions) == 500
    assert "nothing was" not in told.all, "a thousand versions were removed, and the stack"


@pytest.mark.parametrize("action", ["DescribeStackEvents", "*"])
def test_a_connection_that_breaks_for_a_while_is_no_failure(cloud, program, action):
    cloud.stacks.scenario = Scenario(holds_after=5)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    cloud.fault(action, Closed(), times=2)
    cloud.stacks.scenario.gate.set()
    told = succeeded(running.end())
    assert progress(told) == happened(cloud.stacks.stack(STACK), 1)


@pytest.mark.parametrize(
    "action",
    ["CreateBucket", "PutObject", "CreateChangeSet", "ExecuteChangeSet", "PutParameter"],
)
def test_an_answer_that_is_lost_on_its_way_is_no_failure(cloud, program, action):
    """AWS has done it, and the connection breaks: it is asked again, and must not be refused."""
    if action == "PutParameter":
        succeeded(program.first())
        cloud.parameters["/log2aws/dev/LogPutAllowHosts"] = "192.0.2.1"
    cloud.fault(action, Lost())
    succeeded(program.first("--widen"))
    assert len(cloud.of(action)) >= 2
    assert cloud.stacks.stack(STACK).status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def test_an_answer_to_a_delete_that_is_lost_is_no_failure(cloud, program, standing):
    cloud.fault("DeleteStack", Lost())
    succeeded(program("delete"))
    assert standing.status == "DELETE_COMPLETE"


@pytest.mark.parametrize("action", ["GetCallerIdentity", "DescribeStacks"])
def test_an_answer_that_is_not_of_aws_is_told(cloud, program, action):
    """A proxy's login page, say."""
    page = Answer(200, "<html><body>Please log in.</body></html>", "text/html")
    cloud.fault(action, page, times=10_000)
    failed(program.first(), "not understood|cannot be (read|understood)|not .*AWS|proxy|unexpected")
    assert not cloud.changes()
