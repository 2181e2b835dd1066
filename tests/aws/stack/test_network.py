"""Ctrl-C and a network that goes: the deploy lives in AWS, and the program says how to follow it."""

import signal
import socket
import time

import pytest
from cloud import Closed
from conftest import HOSTS, STACK, failed, happened, progress, says, succeeded
from runs import Scenario
from wire import Stalled

FOLLOW = r"log2aws stack events.*--follow"


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
        "deploy", "--allow-hosts", HOSTS, "--env", "stage", "--stack-name", "other", "--region", cloud.region
    )
    running.until(r"CREATE_IN_PROGRESS\s+\S+\s+AWS::")
    told = failed(running.interrupt(), FOLLOW)
    line = next(line for line in told.all.splitlines() if "--follow" in line)
    assert "--stack-name other" in line, told


def test_ctrl_c_before_the_deploy_changes_nothing(cloud, program):
    cloud.fault("GetCallerIdentity", Stalled(), times=100)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    deadline = time.monotonic() + 20
    while not cloud.calls:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    failed(running.interrupt(), "nothing was changed")
    assert not cloud.changes()


def test_ctrl_c_at_the_question_changes_nothing(cloud, program):
    running = program.start("deploy", "--allow-hosts", HOSTS, "--env", "prod")
    deadline = time.monotonic() + 20
    while not cloud.of("DescribeStacks"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.5)
    running.process.send_signal(signal.SIGINT)
    running.process.wait(timeout=20)
    assert running.process.returncode != 0
    assert not cloud.changes()
    failed(running.end(), "nothing was changed")


def test_ctrl_c_while_a_stack_is_deleted_leaves_it_to_aws(cloud, program, standing):
    cloud.stacks.scenario = scenario = Scenario(holds_after=3)
    running = program.start("delete")
    running.until(r"DELETE_IN_PROGRESS\s+\S+\s+AWS::")
    failed(running.interrupt(), "goes on", FOLLOW)
    scenario.gate.set()
    assert standing.status == "DELETE_IN_PROGRESS"


@pytest.mark.parametrize("action", ["DescribeStackEvents", "*"])
def test_a_connection_that_breaks_for_a_while_is_no_failure(cloud, program, action):
    cloud.stacks.scenario = Scenario(holds_after=5)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    cloud.fault(action, Closed(), times=6)
    cloud.stacks.scenario.gate.set()
    told = succeeded(running.end())
    assert progress(told) == happened(cloud.stacks.stack(STACK), 1)


def test_an_endpoint_that_is_gone_for_good_is_told(cloud, program):
    cloud.stacks.scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS, "--patience-ms", "1500")
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    cloud.vanish()
    told = failed(running.end(), FOLLOW)
    assert cloud.url.removeprefix("http://") in told.all, "it names the host"


def test_an_endpoint_that_falls_silent_is_told(cloud, program):
    """The connection stands and nothing comes: no error would ever end this by itself."""
    cloud.stacks.scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS, "--patience-ms", "1500")
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    cloud.fault("*", Stalled(), times=10_000)
    began = time.monotonic()
    failed(running.end(), FOLLOW)
    assert time.monotonic() - began < 60


def test_a_network_that_goes_before_the_deploy_changes_nothing(cloud, program):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{probe.getsockname()[1]}"
    for verb, flags in [("deploy", ["--allow-hosts", HOSTS]), ("delete", []), ("events", [])]:
        told = failed(program(verb, *flags, "--endpoint-url", f"http://{nowhere}"))
        assert nowhere in told.all, told


def test_a_network_that_goes_half_way_is_continued_by_a_second_run(cloud, program):
    cloud.fault("DescribeChangeSet", Closed(), times=10_000)
    told = program.first("--patience-ms", "500")
    failed(told)
    cloud.faults.clear()
    succeeded(program.first())
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"
    assert len(cloud.of("PutObject")) == 2
    says(succeeded(program("events")), "CREATE_COMPLETE")
