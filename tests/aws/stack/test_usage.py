"""What is wrong with a command is said before anything is asked of AWS."""

import pytest
from conftest import HOSTS, failed, refused, says

FIRST = ["deploy", "--allow-hosts", HOSTS]


@pytest.mark.parametrize(
    "given, words",
    [
        ("RawKeepDay=400", ["RawKeepDay", "RawKeepDays"]),
        ("rawkeepdays=400", ["RawKeepDays"]),
        ("RequestPerSecond=1", ["RequestsPerSecond"]),
        ("RawKeepDays", ["RawKeepDays", "="]),
    ],
)
def test_an_unknown_parameter_is_refused_with_the_nearest(cloud, program, given, words):
    refused(program(*FIRST, "--parameter", given), *words)
    assert not cloud.calls


OURS = [
    "Env",
    "LogPutAllowHosts",
    "LogPutAllowNetworks",
    "ArtifactBucket",
    "GenerateUrlKey",
    "AnalyzeLogKey",
]


@pytest.mark.parametrize("name", OURS)
def test_a_parameter_that_the_program_fills_in_is_refused(cloud, program, name):
    told = refused(program(*FIRST, "--parameter", f"{name}=x"), name)
    if name in ("Env", "LogPutAllowHosts"):
        says(told, {"Env": "--env", "LogPutAllowHosts": "--allow-hosts"}[name])
    assert not cloud.calls


@pytest.mark.parametrize(
    "given, words",
    [
        (
            "KmsKeyArn=arn:aws:kms:ap-northeast-1:111122223333:alias/logs",
            ["KmsKeyArn", "ARN of a key"],
        ),
        ("AlarmTopicArn=ops-topic", ["AlarmTopicArn", "ops-topic"]),
        ("KeyPrefix=on", ["KeyPrefix", "off", "spread"]),
        ("Charts=html", ["Charts", "svg", "png", "svg,png"]),
        ("RawKeepDays=-1", ["RawKeepDays", "0"]),
        ("RawKeepDays=ten", ["RawKeepDays", "ten"]),
        ("NoncurrentKeepDays=-1", ["NoncurrentKeepDays"]),
        ("LogKeepDays=91", ["LogKeepDays", "90"]),
        ("IpAddressType=ipv6", ["IpAddressType", "dualstack"]),
    ],
)
def test_a_value_against_the_templates_rules_is_refused(cloud, program, given, words):
    told = says(program(*FIRST, "--parameter", given), *words)
    assert told.code in (1, 2), told
    assert not cloud.calls


@pytest.mark.parametrize("env", ["Dev", "a_b", "-dev", "dev-", "a" * 21, "", "日本"])
def test_a_malformed_environment_is_refused(cloud, program, env):
    refused(program(*FIRST, f"--env={env}"), "env")
    assert not cloud.calls


@pytest.mark.parametrize("name", ["1stack", "with space", "under_score", "a" * 129, ""])
def test_a_malformed_stack_name_is_refused(cloud, program, name):
    refused(program(*FIRST, "--stack-name", name), "name")
    assert not cloud.calls


def test_the_longest_environment_fits(cloud, program):
    told = program(*FIRST, "--env", "a" * 20)
    assert told.code == 0, told


@pytest.mark.parametrize("verb", [["deploy", "--allow-hosts", HOSTS], ["delete"], ["events"]])
def test_no_region_is_told(cloud, program, verb):
    del program.environment["AWS_REGION"]
    failed(program(*verb), "region", "--region", "AWS_REGION")
    assert not cloud.calls


@pytest.mark.parametrize("verb", [["deploy", "--allow-hosts", HOSTS], ["delete"], ["events"]])
def test_no_credentials_are_told(cloud, program, verb):
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    failed(program(*verb), "credentials")
    assert not cloud.calls


def test_the_endpoint_of_the_environment_is_asked_for_everything(cloud, program):
    """As the AWS command line has it: no flag, one variable."""
    command = program.command

    def without_endpoint(verb, flags):
        line = command(verb, flags)
        at = line.index("--endpoint-url")
        return line[:at] + line[at + 2 :]

    program.command = without_endpoint
    program.environment["AWS_ENDPOINT_URL"] = cloud.url
    for told in [program(*FIRST), program("deploy", "--allow-hosts", "203.0.113.7")]:
        assert told.code == 0, told
    assert {call.service for call in cloud.calls} == {"sts", "cloudformation", "s3", "ssm"}
    assert cloud.of("GetParameter") or cloud.of("GetParameters")
    assert cloud.of("PutParameter"), "it narrows"
    assert program("events").code == 0
    told = program("delete", "--purge", answer="log2aws-dev\n")
    assert told.code == 0, told
    assert set(cloud.buckets.all) == {cloud.artifact_bucket()}


def test_an_unknown_profile_is_told(cloud, program):
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    failed(program(*FIRST, "--profile", "nobody"), "nobody")
    assert not cloud.calls


def test_a_secret_is_never_printed(cloud, program):
    told = program(*FIRST)
    assert program.environment["AWS_SECRET_ACCESS_KEY"] not in told.all
    told = program(*FIRST, RUST_LOG="trace")
    assert program.environment["AWS_SECRET_ACCESS_KEY"] not in told.all


@pytest.mark.parametrize("verb", ["plan", "deploy", "delete", "events"])
def test_an_unknown_flag_is_usage(cloud, program, verb):
    refused(program(verb, "--no-such-flag"), "no-such-flag")
    assert not cloud.calls


def test_the_hidden_flags_are_hidden(cloud, program):
    for verb in ["deploy", "delete", "events"]:
        told = program(verb, "--help")
        assert told.code == 0 and "--poll-ms" not in told.out and "--patience-ms" not in told.out
