"""A stack of an earlier template is updated in place; two operators; credentials that end half-way."""

import json
import re
import stat

import pytest
from conftest import (
    GIVEN,
    HOSTS,
    NETWORKS,
    ROOT,
    STACK,
    STORED,
    entries,
    failed,
    happened,
    networks,
    progress,
    refused,
    says,
    succeeded,
)
from runs import Scenario

# deploy/template.yml of commit c0e004a, as it was.
EARLIER = (ROOT / "testdata" / "stack" / "template-c0e004a.yml").read_text()
# Logs, results, what waits for them, and the address that servers ask.
HOLD_DATA = {"RawBucket", "AnalyzedBucket", "Api", "AllowHostsParameter"}
REASON = "Resource handler returned message: the metric is not known"


@pytest.fixture
def earlier(cloud):
    cloud.buckets.make(cloud.artifact_bucket())
    stack = cloud.stacks.standing(STACK, GIVEN, body=EARLIER)
    for name in ("server", "analyzed"):
        cloud.buckets.all[cloud.bucket_name(name)].put("web01/2026-01-01.log", b"a log")
    return stack


def signs(told):
    """{logical id: sign} of the printed change set."""
    found = re.findall(r"^  ([-+~!>]) (\w+) +AWS::", told.out, re.M)
    return {name: sign for sign, name in found}


def stored(cloud):
    kinds = ("server", "analyzed")
    return [len(cloud.buckets.all[cloud.bucket_name(kind)].versions) for kind in kinds]


def test_an_update_of_it_that_replaces_something_wants_a_word(cloud, program, earlier):
    """Its queue has a name, which only a new queue can be without: it stays beside the new one."""
    told = refused(program.deploy(), "--replace", "FailedEvents", "nothing was changed")
    assert {name for name, sign in signs(told).items() if sign == "!"} == {"FailedEvents"}
    assert not cloud.of("ExecuteChangeSet") and not cloud.stacks.sets
    assert earlier.status == "CREATE_COMPLETE" and stored(cloud) == [1, 1]
    resources = cloud.stacks._evaluated(EARLIER, GIVEN).template["Resources"]
    assert "QueueName" in resources["FailedEvents"]["Properties"]


def test_it_is_updated_in_place(cloud, program, earlier):
    before, since = dict(earlier.resources), len(earlier.events)
    told = succeeded(program.deploy("--replace"))
    assert earlier.status == "UPDATE_COMPLETE" and progress(told) == happened(earlier, since)
    planned = signs(told)
    for name in HOLD_DATA:
        assert planned.get(name, "~") == "~", f"{name}: {told}"
        assert earlier.resources[name] == before[name]
    assert stored(cloud) == [1, 2]
    queue = earlier.template["Resources"]["FailedEvents"]
    assert queue["UpdateReplacePolicy"] == "Retain", "what waits in the old queue is not lost"
    # What this version has added, and what it has left out.
    for name in ("RejectedRequestsAlarm", "NoLogsAlarm", "ApiNotAllowed"):
        assert planned[name] == "+"
    assert "CheckPutAddress" not in earlier.parameters
    assert networks(earlier.parameters["LogPutAllowNetworks"]) == networks(NETWORKS)
    assert entries(cloud.parameters[STORED]) == entries(HOSTS)
    # And then it is one of this version.
    says(succeeded(program.deploy()), "nothing to change")


def test_an_update_of_it_that_fails_half_way_is_taken_back_and_goes_on(cloud, program, earlier):
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLogThrottlesAlarm": REASON})
    before = dict(earlier.parameters)
    told = failed(program.deploy("--replace"), "UPDATE_ROLLBACK_COMPLETE", REASON)
    says(told, "The stack is unchanged", "Fix the cause and deploy again")
    assert earlier.body == EARLIER and earlier.parameters == before and stored(cloud) == [1, 2]
    cloud.stacks.scenario = Scenario()
    succeeded(program.deploy("--replace"))
    assert earlier.status == "UPDATE_COMPLETE" and stored(cloud) == [1, 2]


def test_delete_of_it_counts_its_queue(cloud, program, earlier):
    cloud.fail("web01/2026-01-01.log")
    says(succeeded(program("delete")), "failed events in the queue: 1")
    assert stored(cloud) == [1, 1]


# ---- two operators ----


def test_who_comes_second_is_told_to_follow(cloud, program, standing):
    cloud.stacks.scenario = scenario = Scenario(holds_after=2)
    first = program.start("deploy", "--parameter", "RawKeepDays=9")
    first.until(r"UPDATE_IN_PROGRESS\s+\S+\s+AWS::")
    told = failed(program.deploy("--parameter", "RawKeepDays=8"), "UPDATE_IN_PROGRESS")
    says(told, "somebody's change is under way", r"log2aws stack events --follow")
    says(failed(program.deploy("--no-execute", yes=False)), "UPDATE_IN_PROGRESS")
    scenario.gate.set()
    succeeded(first.end())
    assert standing.parameters["RawKeepDays"] == "9"
    assert len(cloud.of("ExecuteChangeSet")) == 1


def test_who_answers_second_is_told_that_the_stack_was_changed(cloud, program, standing):
    """Both have planned: "When you execute a change set, CloudFormation deletes all other change sets
    associated with the stack" (API reference, ExecuteChangeSet)."""
    slow = program.start("deploy", "--parameter", "RawKeepDays=8", terminal=True)
    slow.until(r"\(y/n\)")
    succeeded(program.deploy("--parameter", "RawKeepDays=9"))
    told = failed(slow.end("y\n"), "ChangeSetNotFound", "somebody else", "deploy again")
    assert "goes on in AWS" not in told.all
    assert standing.parameters["RawKeepDays"] == "9" and standing.status == "UPDATE_COMPLETE"


def test_who_plans_while_another_begins_is_told_what_aws_says(cloud, program, standing):
    cloud.fault("CreateChangeSet", lambda: setattr(standing, "status", "UPDATE_IN_PROGRESS"))
    failed(program.deploy("--parameter", "RawKeepDays=8"), "UPDATE_IN_PROGRESS", "somebody else")
    assert not cloud.of("ExecuteChangeSet")


# ---- credentials that end half-way ----

KEYS = {
    "Version": 1,
    "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "SessionToken": "IQoJb3JpZ2luX2Vj",
    # Within the ten seconds before the end in which the SDK asks anew.
    "Expiration": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize("verb", ["deploy", "delete"])
def test_a_login_that_ends_half_way_leaves_it_running(cloud, program, standing, verb):
    """As `aws sso login` for a profile with credential_process: the session ends, and no new keys
    come. CloudFormation goes on with what it has begun."""
    valid = program.folder / "valid"
    valid.write_text(json.dumps(KEYS))
    helper = program.folder / "helper"
    helper.write_text(f'#!/bin/sh\ncat {valid} || {{ echo "the SSO session has expired" >&2; exit 1; }}\n')
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    config = program.folder / "config"
    config.write_text(f"[profile ops]\nregion = {cloud.region}\ncredential_process = {helper}\n")
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    program.environment["AWS_CONFIG_FILE"] = str(config)
    cloud.stacks.scenario = Scenario(holds_after=2)
    flags = ["--parameter", "RawKeepDays=9"] if verb == "deploy" else []
    running = program.start(verb, *flags, "--profile", "ops")
    running.until(r"_IN_PROGRESS\s+\S+\s+AWS::")
    valid.unlink()
    told = failed(running.end(), "credentials cannot be renewed", "aws sso login")
    says(told, f"the {verb} of stack {STACK} goes on in AWS: follow it with")
    assert re.search(r"^\s+log2aws stack events --follow .*--profile ops", told.err, re.M)
    assert "cannot be reached" not in told.all and "HTTPS_PROXY" not in told.all, told
