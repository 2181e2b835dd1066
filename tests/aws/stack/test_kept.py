"""What outlives a stack: buckets with a policy, the record of URLs, and how they are taken over."""

import json

import pytest
from conftest import STACK, failed, says, succeeded
from runs import Scenario

GROUP = "/aws/lambda/log2aws-dev-generate-url"


def policy(cloud, kind):
    text = cloud.buckets.all[cloud.bucket_name(kind)].policy
    return text and json.loads(text)


@pytest.mark.parametrize("kind", ["server", "analyzed"])
def test_a_kept_bucket_requires_tls_and_takes_no_put_by_url(cloud, deployed, program, kind):
    assert kind == "analyzed" or ":iam:" in json.dumps(policy(cloud, kind))
    succeeded(program("delete"))
    left = {one["Sid"]: one for one in policy(cloud, kind)["Statement"]}
    assert left["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert left["NoPutByUrlWithoutStack"]["Effect"] == "Deny"
    # "If the principal is deleted, AWS shows its id": a role of the stack is none any more.
    assert ":iam:" not in json.dumps(left)


def test_the_next_deploy_replaces_the_policy(cloud, deployed, program):
    before = policy(cloud, "server")
    succeeded(program("delete"))
    succeeded(program.first())
    assert policy(cloud, "server") == before


def test_a_policy_of_somebody_else_is_not_removed(cloud, deployed, program):
    succeeded(program("delete"))
    theirs = '{"Version": "2012-10-17", "Statement": []}'
    cloud.buckets.all[cloud.bucket_name("server")].policy = theirs
    told = failed(program.first(), cloud.bucket_name("server"), "did not leave", "get-bucket-policy")
    assert not cloud.of("ExecuteChangeSet"), told
    assert cloud.buckets.all[cloud.bucket_name("server")].policy == theirs


def test_a_create_that_fails_leaves_the_policy_again(cloud, deployed, program):
    succeeded(program("delete"))
    before = policy(cloud, "server")
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLogRole": "not allowed"})
    failed(program.first(), "ROLLBACK_COMPLETE")
    # What rolls back removes what it imported in this stand-in; see docs/aws.md.
    kept = cloud.buckets.all.get(cloud.bucket_name("server"))
    assert kept is None or policy(cloud, "server") == before


def test_the_record_of_urls_outlives_the_stack_and_is_taken_over(cloud, deployed, program):
    told = succeeded(program("delete"))
    assert cloud.properties("AWS::Logs::LogGroup", GROUP) is not None
    says(told, GROUP)
    told = succeeded(program.first("--parameter", "LogKeepDays=365"))
    says(told, r"> GenerateUrlLog\s+AWS::Logs::LogGroup")
    assert cloud.properties("AWS::Logs::LogGroup", GROUP)["RetentionInDays"] == "365"
    assert cloud.stacks.stack(STACK).status == "UPDATE_COMPLETE"


def test_the_record_alone_is_taken_over_after_a_purge(cloud, deployed, program):
    told = succeeded(program("delete", "--purge", answer=f"{STACK}\n"))
    says(told, "OperationAborted", GROUP)
    assert cloud.properties("AWS::Logs::LogGroup", GROUP) is not None
    succeeded(program.first())
