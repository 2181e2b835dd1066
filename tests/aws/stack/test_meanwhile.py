"""What happens while a deploy or a delete is under way: edits, late answers, a lost reader."""

import pytest
from conftest import (
    GIVEN,
    HOSTS,
    ONE,
    STACK,
    STORED,
    entries,
    failed,
    happened,
    networks,
    progress,
    says,
    succeeded,
)
from runs import Scenario

REASON = "Resource handler returned message: no such zip"


def place(cloud, action):
    (found,) = [n for n, call in enumerate(cloud.calls) if call.action == action]
    return found


# ---- the allow-list ----


def test_a_rollback_does_not_give_back_what_was_narrowed_by_hand(cloud, program, deployed):
    cloud.parameters[STORED] = ONE
    cloud.stacks.scenario = Scenario(fails={"RawBucketPolicy": REASON})
    told = failed(program.deploy("--parameter", "RawKeepDays=9"), "UPDATE_ROLLBACK_COMPLETE")
    ends = [(status, name) for status, name, *_ in progress(told) if name == "AllowHostsParameter"]
    assert len(ends) == 4, f"changed, and changed back: {told}"
    assert deployed.parameters["LogPutAllowHosts"] == HOSTS, "the stack is as it was"
    assert cloud.parameters[STORED] == ONE
    (put,) = cloud.of("PutParameter")
    assert put.fields["Value"] == ONE and put.fields["Overwrite"] is True
    assert cloud.calls.index(put) > place(cloud, "ExecuteChangeSet")
    says(told, rf"{STORED} = {ONE}: AWS, going back, had let in more again")


def test_a_rollback_does_not_give_back_what_the_deploy_narrows(cloud, program, deployed):
    cloud.stacks.scenario = Scenario(fails={"RawBucketPolicy": REASON})
    narrows = ["--allow-hosts", ONE, "--parameter", "RawKeepDays=9"]
    failed(program.deploy(*narrows), "UPDATE_ROLLBACK_COMPLETE")
    assert deployed.parameters["LogPutAllowHosts"] == HOSTS, "the stack is as it was"
    assert cloud.parameters[STORED] == ONE


def test_a_rollback_of_what_was_not_narrowed_puts_nothing(cloud, program, deployed):
    cloud.stacks.scenario = Scenario(fails={"RawBucketPolicy": REASON})
    widens = ["--allow-hosts", f"{HOSTS}, 192.0.2.1", "--widen"]
    failed(program.deploy(*widens, "--parameter", "RawKeepDays=9"), "UPDATE_ROLLBACK_COMPLETE")
    assert not cloud.of("PutParameter")
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)


@pytest.mark.parametrize("edit", [ONE, f"{HOSTS}, 192.0.2.1", None])
def test_an_edit_before_the_answer_stops_the_deploy(cloud, program, edit):
    stored = STORED.replace("dev", "prod")
    stack = cloud.stacks.standing("log2aws-prod", {**GIVEN, "Env": "prod"})
    flags = ["--env", "prod", "--parameter", "RawKeepDays=9"]
    running = program.start("deploy", *flags, terminal=True)
    running.until(r"\(y/n\)")
    if edit is None:
        del cloud.parameters[stored]
    else:
        cloud.parameters[stored] = edit
    failed(running.end("y\n"), stored, "edited", "nothing was changed", "again")
    assert not cloud.of("ExecuteChangeSet") and not cloud.of("PutParameter")
    assert cloud.parameters.get(stored) == edit
    assert stack.status == "CREATE_COMPLETE" and stack.parameters["RawKeepDays"] != "9"


def test_an_edit_while_the_change_is_planned_stops_the_deploy(cloud, program, deployed):
    cloud.fault("DescribeChangeSet", lambda: cloud.parameters.update({STORED: ONE}))
    failed(program.deploy("--parameter", "RawKeepDays=9"), "edited")
    assert not cloud.of("ExecuteChangeSet") and not cloud.of("PutParameter")
    assert cloud.parameters[STORED] == ONE
    succeeded(program.deploy("--parameter", "RawKeepDays=9"))
    assert cloud.parameters[STORED] == deployed.parameters["LogPutAllowHosts"] == ONE


def test_who_is_shut_out_is_shut_out_before_cloudformation_begins(cloud, program, deployed):
    succeeded(program.deploy("--allow-hosts", ONE))
    (put,) = cloud.of("PutParameter")
    assert (put.fields["Name"], put.fields["Value"]) == (STORED, ONE)
    assert place(cloud, "CreateChangeSet") < place(cloud, "PutParameter")
    assert place(cloud, "PutParameter") < place(cloud, "ExecuteChangeSet")
    assert networks(deployed.parameters["LogPutAllowNetworks"]) == networks(ONE)


def test_a_list_that_also_widens_is_left_to_cloudformation(cloud, program, deployed):
    """The networks of the bucket policy come first: nobody is promised what S3 refuses."""
    wanted = f"{ONE}, 192.0.2.1"
    succeeded(program.deploy("--allow-hosts", wanted, "--widen"))
    assert not cloud.of("PutParameter")
    assert entries(cloud.parameters[STORED]) == entries(wanted)


# ---- answers that come late, and output that nobody reads ----


@pytest.mark.parametrize("stale", [1, 4])
def test_a_create_is_not_over_because_the_stack_was_only_planned(cloud, program, stale):
    cloud.stacks.scenario = Scenario(stale=stale)
    told = succeeded(program.first())
    stack = cloud.stacks.stack(STACK)
    assert stack.status == "CREATE_COMPLETE" and not stack.stale
    assert progress(told) == happened(stack, 1)
    says(told, r"GenerateSignedUrl\s*: https://")


@pytest.mark.parametrize("stale", [1, 4])
@pytest.mark.parametrize("silent", [0, 6])
def test_an_update_did_not_go_well_because_the_create_did(cloud, program, standing, stale, silent):
    cloud.stacks.scenario = Scenario(fails={"GenerateUrl": REASON}, stale=stale, silent=silent)
    since = len(standing.events)
    told = failed(program.deploy("--parameter", "RawKeepDays=9"), "UPDATE_ROLLBACK_COMPLETE")
    assert progress(told) == happened(standing, since)
    assert not standing.stale
    says(told, "GenerateUrl .* failed first: " + REASON)


@pytest.mark.parametrize("stale", [1, 4])
@pytest.mark.parametrize("purge", [[], ["--purge"]])
def test_a_delete_has_not_failed_because_the_stack_still_stood(
    cloud, program, standing, stale, purge
):
    cloud.stacks.scenario = Scenario(stale=stale)
    told = succeeded(program("delete", *purge, answer=f"{STACK}\n"))
    assert progress(told)[-1][:2] == ("DELETE_COMPLETE", STACK)
    assert standing.status == "DELETE_COMPLETE" and not standing.stale
    assert (cloud.bucket_name("server") in cloud.buckets.all) == (not purge)


def test_follow_of_a_change_that_fails_tells_why(cloud, program, standing):
    cloud.stacks.scenario = scenario = Scenario(fails={"GenerateUrl": REASON}, holds_after=2)
    updating = program.start("deploy", "--parameter", "RawKeepDays=9")
    updating.until(r"UPDATE_IN_PROGRESS\s+\S+\s+AWS::")
    following = program.start("events", "--follow")
    following.until(r"UPDATE_IN_PROGRESS\s+log2aws-dev\s+AWS::")
    scenario.gate.set()
    told = failed(following.end(), "UPDATE_ROLLBACK_COMPLETE")
    assert progress(told) == happened(standing)
    assert f"GenerateUrl (AWS::Lambda::Function) failed first: {REASON}" in told.err
    failed(updating.end(), "UPDATE_ROLLBACK_COMPLETE")


def test_a_reader_that_leaves_is_told_that_the_deploy_goes_on(cloud, program):
    cloud.stacks.scenario = scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS)
    running.until(r"CREATE_COMPLETE\s+\S+\s+AWS::")
    running.process.stdout.close()
    scenario.gate.set()
    told = running.end()
    assert told.code == 1, told
    assert "goes on in AWS" in told.err and "panicked" not in told.err, told
    (follow,) = [line for line in told.err.splitlines() if "log2aws stack events --follow" in line]
    assert f"--stack-name {STACK}" in follow
    assert not {"DeleteStack", "CancelUpdateStack", "RollbackStack"} & set(cloud.actions()), told
    succeeded(program("events", "--follow"))
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"


# ---- another stack of the environment ----


def test_purge_leaves_the_buckets_when_another_stack_has_come_meanwhile(cloud, program, standing):
    """What is left of this stack has no parameter any more; the other's stays when it is gone."""
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLogRole": "it has a policy"})
    failed(program("delete"), "DELETE_FAILED")
    assert "/log2aws/dev/ServerlogBucketName" not in cloud.parameters
    cloud.stacks.scenario = Scenario()
    other = cloud.stacks.standing("load-logs-dev", GIVEN)
    raw = cloud.buckets.all[cloud.bucket_name("server")]
    raw.put("web01/2026-01-01.log", b"a log")
    failed(program("delete", "--purge", answer=f"{STACK}\n"), "in use", "--stack-name")
    assert cloud.stacks.stack(STACK) is None, "this one is gone"
    assert other.status == "CREATE_COMPLETE" and len(raw.versions) == 1
    assert cloud.bucket_name("analyzed") in cloud.buckets.all
    assert not cloud.of("DeleteObjects") and not cloud.of("DeleteBucket")
