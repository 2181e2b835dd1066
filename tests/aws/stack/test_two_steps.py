"""A change set that one person makes and another executes; a deploy that is not waited for."""

import json
import re
import shlex

import pytest
from conftest import (
    GIVEN,
    HOSTS,
    ONE,
    STACK,
    STORED,
    binary,
    entries,
    failed,
    happened,
    progress,
    refused,
    says,
    succeeded,
)
from runs import Scenario
from wire import Refusal

KEEP = "--no-execute"


def kept(told):
    """The name of the change set, and the two commands that are printed with it."""
    says(told, "nothing was executed")
    execute, delete = [
        shlex.split(re.search(rf"^{words} with\n  (.*)$", told.out, re.M)[1])
        for words in ["execute it", "or delete it"]
    ]
    return execute[execute.index("--change-set") + 1], execute, delete


def pasted(program, line):
    """Runs a printed command; progress is asked for as often as in other tests."""
    assert line[:2] == ["log2aws", "stack"]
    command = program.command
    program.command = lambda verb, flags: [binary(), *line[1:], "--poll-ms", "10", *flags]
    try:
        return program(line[2], terminal=True, answer="y\n")
    finally:
        program.command = command


def executed(cloud):
    return len(cloud.of("ExecuteChangeSet"))


# ---- --no-execute and --change-set ----


def test_a_change_set_is_kept_and_executed_by_the_printed_command(cloud, program):
    told = succeeded(program.first(KEEP, yes=False))
    name, execute, _ = kept(told)
    (made,) = cloud.stacks.sets
    assert (made.name, made.stack.status) == (name, "REVIEW_IN_PROGRESS") and made.id in told.out
    assert re.search(r"^\s*\+ GenerateUrl\s", told.out, re.M), told
    assert not executed(cloud) and STORED not in cloud.parameters
    # Who executes it has neither the zips nor the flags of the first.
    for file in program.artifacts.glob("*.zip"):
        file.unlink()
    told = succeeded(pasted(program, execute))
    assert re.search(r"^\s*\+ GenerateUrl\s", told.out.partition("(y/n)")[0], re.M), told
    says(told, f"Create stack {STACK}", r"GenerateSignedUrl\s*: https://")
    stack = cloud.stacks.stack(STACK)
    assert stack.status == "CREATE_COMPLETE" and stack.id == made.stack.id
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)
    sent = cloud.of("CreateChangeSet")[0].parameters()
    keys = {version.key for version in cloud.buckets.all[cloud.artifact_bucket()].versions}
    assert keys == {sent["GenerateUrlKey"], sent["AnalyzeLogKey"]}
    assert len(cloud.of("CreateChangeSet")) == 1


def test_an_update_is_kept_and_executed(cloud, program, standing):
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    name, *_ = kept(told)
    assert standing.parameters["RawKeepDays"] != "9" and standing.status == "CREATE_COMPLETE"
    refused(program.deploy("--change-set", name, yes=False), "--yes dev")
    assert not executed(cloud)
    succeeded(program.deploy("--change-set", name))
    assert standing.parameters["RawKeepDays"] == "9" and standing.status == "UPDATE_COMPLETE"


def test_the_printed_delete_removes_what_was_kept(cloud, program):
    *_, delete = kept(succeeded(program.first(KEEP, yes=False)))
    succeeded(pasted(program, delete))
    assert not cloud.stacks.sets and cloud.stacks.stack(STACK) is None and not executed(cloud)


def test_the_printed_delete_of_an_update_is_that_of_the_aws_command_line(cloud, program, standing):
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    *_, delete = kept(told)
    (made,) = cloud.stacks.sets
    assert delete[:5] == [
        "aws", "cloudformation", "delete-change-set", "--change-set-name", made.id,
    ]  # fmt: skip
    assert delete[5:7] == ["--region", cloud.region]


def test_no_keeps_the_change_set(cloud, program, standing):
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    name, *_ = kept(told)
    told = program.deploy("--change-set", name, terminal=True, answer="n\n")
    says(succeeded(told), "canceled", "change set is kept")
    assert [one.name for one in cloud.stacks.sets] == [name] and not executed(cloud)
    succeeded(program.deploy("--change-set", name, terminal=True, answer="y\n"))
    assert standing.parameters["RawKeepDays"] == "9"


def test_a_change_set_that_is_gone_is_refused(cloud, program, standing):
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    name, *_ = kept(told)
    succeeded(program.deploy("--parameter", "RawKeepDays=7"))
    cloud.calls.clear()
    failed(program.deploy("--change-set", name), name, "does not exist", KEEP)
    assert not cloud.changes() and standing.parameters["RawKeepDays"] == "7"


def test_a_change_set_of_a_stack_that_was_changed_is_refused(cloud, program, standing):
    """Changed without a change set, as by `aws cloudformation update-stack`."""
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    name, *_ = kept(told)
    cloud.stacks.sets[0].obsolete = True
    failed(program.deploy("--change-set", name), name, "OBSOLETE", KEEP)
    assert not executed(cloud)


def test_a_change_set_is_executed_once(cloud, program, standing):
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    name, *_ = kept(told)
    succeeded(program.deploy("--change-set", name))
    failed(program.deploy("--change-set", name), name, "EXECUTE_COMPLETE")
    assert executed(cloud) == 1


def test_a_change_set_without_a_stack_is_refused(cloud, program):
    failed(program.deploy("--change-set", "log2aws-1"), "log2aws-1", "does not exist", KEEP)
    assert not cloud.changes()


def test_what_aws_says_of_a_malformed_name_is_printed(cloud, program, standing):
    said = "Value 'a_b' at 'changeSetName' failed to satisfy constraint"
    cloud.fault("DescribeChangeSet", Refusal("ValidationError", said))
    failed(program.deploy("--change-set", "a_b"), re.escape(said))
    assert not cloud.changes()


def test_a_change_set_of_another_stack_is_refused(cloud, program, standing):
    cloud.stacks.standing("log2aws-prod", {**GIVEN, "Env": "prod"})
    flags = ["--env", "prod", "--parameter", "RawKeepDays=9", KEEP]
    succeeded(program.deploy(*flags, yes=False))
    (made,) = cloud.stacks.sets
    cloud.calls.clear()
    failed(program.deploy("--change-set", made.id), "one of stack log2aws-prod")
    failed(program.deploy("--change-set", made.name), made.name, "does not exist")
    assert not cloud.changes()


def test_a_change_set_of_another_environment_is_refused(cloud, program):
    """A stack that exists only as a plan does not say itself whose it is."""
    flags = ["--env", "stage", "--stack-name", STACK]
    name, *_ = kept(succeeded(program.first(*flags, KEEP, yes=False)))
    failed(program.deploy("--change-set", name), "for environment stage", "--env is dev")
    assert not executed(cloud)


def test_a_change_set_that_log2aws_did_not_make_is_refused(cloud, program, standing):
    succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    (made,) = cloud.stacks.sets
    del made.new.parameters["LogPutAllowNetworks"]
    failed(program.deploy("--change-set", made.name), "log2aws did not make it")
    assert not executed(cloud)


def test_a_list_that_was_narrowed_meanwhile_is_not_widened_again(cloud, program, deployed):
    told = succeeded(program.deploy("--parameter", "RawKeepDays=9", KEEP, yes=False))
    name, *_ = kept(told)
    cloud.parameters[STORED] = ONE
    failed(program.deploy("--change-set", name), "--widen")
    assert not executed(cloud) and cloud.parameters[STORED] == ONE


def test_the_printed_command_widens_if_the_change_set_does(cloud, program, deployed):
    wanted = f"{HOSTS}, 192.0.2.1"
    _, execute, _ = kept(
        succeeded(program.deploy("--allow-hosts", wanted, "--widen", KEEP, yes=False))
    )
    told = succeeded(pasted(program, execute))
    says(told, r"allow-list: \+ 192.0.2.1")
    assert entries(cloud.parameters[STORED]) == entries(wanted)


def test_nothing_to_change_keeps_nothing(cloud, program, deployed):
    cloud.parameters[STORED] = f"{HOSTS}, 192.0.2.1"
    before = list(cloud.stacks.sets)
    told = succeeded(program.deploy("--allow-hosts", HOSTS, KEEP, yes=False))
    says(told, "nothing to change", f"{STORED} is not {re.escape(HOSTS)}")
    assert cloud.stacks.sets == before and not cloud.of("PutParameter")


def test_a_kept_change_set_as_json(cloud, program):
    outcome = json.loads(succeeded(program.first(KEEP, "--json", yes=False)).out)
    assert outcome["outcome"] == "kept" and outcome["change_set"] == cloud.stacks.sets[0].id


@pytest.mark.parametrize(
    "flags",
    [
        [KEEP, "--detach"],
        [KEEP, "--change-set", "x"],
        ["--change-set", "x", "--allow-hosts", HOSTS],
        ["--change-set", "x", "--parameter", "RawKeepDays=9"],
    ],
)
def test_flags_that_contradict_each_other_are_refused(cloud, program, flags):
    refused(program.deploy(*flags), "cannot be used with")
    assert not cloud.calls


# ---- --detach ----


def test_detach_returns_while_aws_works(cloud, program):
    cloud.stacks.scenario = scenario = Scenario(holds_after=2)
    told = succeeded(program.first("--detach"))
    stack = cloud.stacks.stack(STACK)
    assert stack.status == "CREATE_IN_PROGRESS" and not progress(told)
    (follow,) = [line for line in told.out.splitlines() if "stack events --follow" in line]
    scenario.gate.set()
    told = succeeded(pasted(program, shlex.split(follow)))
    assert progress(told) == happened(stack) and stack.status == "CREATE_COMPLETE"


def test_detach_asks_first(cloud, program, standing):
    flags = ["--parameter", "RawKeepDays=9", "--detach"]
    succeeded(program.deploy(*flags, terminal=True, answer="n\n"))
    assert not executed(cloud) and not cloud.stacks.sets
    succeeded(program.deploy(*flags, terminal=True, answer="y\n"))
    assert executed(cloud) == 1


def test_detach_shuts_out_before_cloudformation_begins(cloud, program, deployed):
    cloud.stacks.scenario = Scenario(holds_after=1)
    outcome = succeeded(program.deploy("--allow-hosts", ONE, "--detach", "--json"))
    assert json.loads(outcome.out)["outcome"] == "started"
    assert cloud.parameters[STORED] == ONE


def test_detach_tells_of_a_list_that_cloudformation_does_not_see(cloud, program, deployed):
    cloud.parameters[STORED] = ONE
    flags = ["--allow-hosts", HOSTS, "--widen", "--parameter", "RawKeepDays=9", "--detach"]
    says(succeeded(program.deploy(*flags)), f"{STORED} is not {re.escape(HOSTS)}")
    assert not cloud.of("PutParameter")
    succeeded(program("events", "--follow"))
    succeeded(program.deploy("--allow-hosts", HOSTS, "--widen"))
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)
