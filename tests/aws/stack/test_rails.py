"""What organisations demand: tags, a service role, notifications, protection, and who approves what."""

import re

import pytest
from conftest import STACK, refused, says, succeeded
from runs import Scenario

ROLE = "arn:aws:iam::111122223333:role/deploy"
TOPIC = "arn:aws:sns:ap-northeast-1:111122223333:stacks"


def tags(stack):
    return {one["Key"]: one["Value"] for one in stack.tags}


def test_tags_role_and_topics_are_those_of_the_stack(cloud, program):
    flags = ["--tag", "cost-center=4711", "--tag", "owner=ops=1", "--role-arn", ROLE]
    succeeded(program.first(*flags, "--notification-arn", TOPIC))
    stack = cloud.stacks.stack(STACK)
    assert tags(stack) == {"cost-center": "4711", "owner": "ops=1"}
    assert (stack.role, stack.topics) == (ROLE, [TOPIC])


def test_a_later_deploy_keeps_them(cloud, program):
    succeeded(program.first("--tag", "cost-center=4711", "--notification-arn", TOPIC))
    succeeded(program.deploy("--parameter", "RawKeepDays=9", "--tag", "owner=ops"))
    stack = cloud.stacks.stack(STACK)
    assert tags(stack) == {"cost-center": "4711", "owner": "ops"} and stack.topics == [TOPIC]


def test_what_is_taken_over_keeps_them_too(cloud, program):
    succeeded(program.first())
    succeeded(program("delete"))
    succeeded(program.first("--tag", "cost-center=4711", "--parameter", "RawKeepDays=9"))
    stack = cloud.stacks.stack(STACK)
    assert stack.status == "UPDATE_COMPLETE" and tags(stack) == {"cost-center": "4711"}


@pytest.mark.parametrize(
    "flag, value", [("--tag", "cost"), ("--tag", "aws:x=1"), ("--role-arn", "deploy")]
)
def test_what_is_malformed_is_refused_before_any_request(cloud, program, flag, value):
    refused(program.first(flag, value), re.escape(flag))
    assert not cloud.calls


def test_termination_protection(cloud, program):
    told = succeeded(program.first("--termination-protection"))
    says(told, "protected from deletion")
    assert cloud.stacks.stack(STACK).protected


def test_a_boundary_and_a_path_are_those_of_both_roles(cloud, program):
    boundary = "arn:aws:iam::111122223333:policy/bounds/logs"
    flags = ["--parameter", f"PermissionsBoundary={boundary}", "--parameter", "RolePath=/logs/"]
    succeeded(program.first(*flags))
    stack = cloud.stacks.stack(STACK)
    made = cloud.stacks._evaluated(stack.body, stack.parameters)
    for role in made.of_type("AWS::IAM::Role").values():
        assert role["Properties"]["PermissionsBoundary"] == boundary
        assert role["Properties"]["Path"] == "/logs/"


def test_yes_alone_does_not_approve_a_replacement(cloud, program, standing):
    cloud.stacks.scenario = Scenario(replaces={"GenerateUrl"})
    refused(program.deploy(), "replaces GenerateUrl", "--yes dev --replace")
    assert not cloud.of("ExecuteChangeSet") and not cloud.stacks.sets
    succeeded(program.deploy("--replace"))
    assert len(cloud.of("ExecuteChangeSet")) == 1


def test_on_a_terminal_a_replacement_is_approved_by_the_answer(cloud, program, standing):
    cloud.stacks.scenario = Scenario(replaces={"GenerateUrl"})
    succeeded(program.deploy(terminal=True, answer="y\n"))
    assert len(cloud.of("ExecuteChangeSet")) == 1


def test_without_a_terminal_and_without_yes_the_change_is_prepared(cloud, program, standing):
    told = refused(program.deploy("--parameter", "RawKeepDays=9", yes=False), "--yes dev")
    (made,) = cloud.stacks.sets
    says(told, re.escape(made.id), f"--change-set {made.name}")
    assert not cloud.of("ExecuteChangeSet")
    succeeded(program.deploy("--change-set", made.name))
    assert standing.parameters["RawKeepDays"] == "9"
