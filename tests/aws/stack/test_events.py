"""`stack events`: the same lines as a deploy's, from the oldest on."""

import json
import time

from cloud import Closed
from conftest import EVENT, GIVEN, STACK, failed, happened, progress, succeeded
from runs import Scenario

FIELDS = {"time", "status", "logical_id", "type", "physical_id", "reason"}


def test_events_are_shown_oldest_first(cloud, program, standing):
    cloud.stacks.page = 9
    told = succeeded(program("events"))
    assert progress(told) == happened(standing)
    assert not cloud.changes()


def test_events_as_json_are_an_object_a_line(cloud, program, standing):
    told = succeeded(program("events", "--json"))
    shown = [json.loads(line) for line in told.out.splitlines()]
    assert {frozenset(one) for one in shown} == {frozenset(FIELDS)}
    for one, event in zip(shown, standing.events, strict=True):
        assert one["status"] == event["ResourceStatus"]
        assert one["logical_id"] == event["LogicalResourceId"]
        assert one["type"] == event["ResourceType"]
        assert (one["physical_id"] or "") == event["PhysicalResourceId"]
        assert (one["reason"] or "") == (event["ResourceStatusReason"] or "")
        assert one["time"].startswith(event["Timestamp"].strftime("%Y-%m-%dT%H:%M:%S"))


def follow(cloud, program, *flags):
    """Begins to follow an update that is held; gives it and its scenario."""
    succeeded(program.first())
    cloud.stacks.scenario = scenario = Scenario(holds_after=2)
    updating = program.start("deploy", "--parameter", "RawKeepDays=5")
    updating.until(r"UPDATE_IN_PROGRESS\s+\S+\s+AWS::")
    return program.start("events", "--follow", *flags), scenario, updating


def test_follow_shows_what_comes_until_the_stack_rests(cloud, program):
    following, scenario, updating = follow(cloud, program)
    following.until(r"UPDATE_IN_PROGRESS\s+RawBucket\s+AWS::")
    scenario.gate.set()
    told = succeeded(following.end())
    assert progress(told) == happened(cloud.stacks.stack(STACK))
    succeeded(updating.end())


def test_follow_as_json(cloud, program):
    following, scenario, updating = follow(cloud, program, "--json")
    following.until(r'"RawBucket"')
    scenario.gate.set()
    told = succeeded(following.end())
    shown = [json.loads(line) for line in told.out.splitlines()]
    assert (shown[-1]["logical_id"], shown[-1]["status"]) == (STACK, "UPDATE_COMPLETE")
    assert not EVENT.search(told.out)
    succeeded(updating.end())


def test_follow_outlives_a_break_of_the_network(cloud, program):
    following, scenario, updating = follow(cloud, program)
    following.until(r"UPDATE_IN_PROGRESS\s+RawBucket\s+AWS::")
    cloud.fault("*", Closed(), times=2)
    scenario.gate.set()
    assert progress(succeeded(following.end())) == happened(cloud.stacks.stack(STACK))
    succeeded(updating.end())


def test_follow_of_a_stack_that_is_being_deleted_ends_with_it(cloud, program, standing):
    cloud.stacks.scenario = scenario = Scenario(holds_after=2)
    deleting = program.start("delete")
    deleting.until(r"DELETE_IN_PROGRESS\s+\S+\s+AWS::")
    following = program.start("events", "--follow")
    following.until(r"DELETE_IN_PROGRESS\s+log2aws-dev\s+AWS::")
    scenario.gate.set()
    told = succeeded(following.end())
    assert progress(told)[-1][:2] == ("DELETE_COMPLETE", STACK)
    succeeded(deleting.end())


def test_follow_of_a_stack_that_rests_ends_at_once(cloud, program, standing):
    assert progress(succeeded(program("events", "--follow"))) == happened(standing)


def test_follow_of_a_stack_without_events_ends_after_the_patience(cloud, program, standing):
    """CloudFormation keeps events for 90 days: of an old stack there are none to agree with."""
    standing.events.clear()
    began = time.monotonic()
    told = succeeded(program("events", "--follow", "--patience-ms", "1500"))
    assert not progress(told)
    assert time.monotonic() - began >= 1.5
    assert len(cloud.of("DescribeStacks")) > 2


def test_events_of_no_stack_are_an_error(cloud, program):
    failed(program("events"), STACK, cloud.region)
    failed(program("events", "--follow"), STACK)


def test_a_reader_that_goes_away_is_no_panic(cloud, program, standing):
    running = program.start("events")
    running.process.stdout.close()
    running.process.wait(timeout=60)
    assert "panicked" not in running.end().err


def test_events_of_another_environment_are_asked_for_by_flag(cloud, program, standing):
    other = cloud.stacks.standing("log2aws-stage", {**GIVEN, "Env": "stage"})
    assert progress(succeeded(program("events", "--env", "stage"))) == happened(other)
