"""Credentials and endpoints as the AWS command line takes them."""

import pytest
from conftest import failed, succeeded

SERVICES = """
[profile ops]
region = ap-northeast-1
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
services = here

[services here]
ssm =
  endpoint_url = {url}
s3 =
  endpoint_url = {url}
sts =
  endpoint_url = {url}
cloudformation =
  endpoint_url = {url}
"""


def test_the_services_section_counts_for_every_service(cloud, program):
    """AWS SDKs and Tools Reference Guide, "Service-specific endpoints": Parameter Store, too."""
    config = program.folder / "config"
    config.write_text(SERVICES.format(url=cloud.url))
    for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    line = program.command("events", [])
    program.command = lambda verb, flags: [*line[:2], verb, "--poll-ms", "10", *flags]
    cloud.parameters["/log2aws/dev/ServerlogBucketName"] = "in use"
    told = program("delete", "--purge", "--profile", "ops", AWS_CONFIG_FILE=str(config))
    failed(told, "in use")
    assert cloud.of("GetParameters", "ssm")


def test_a_profile_of_the_environment_is_named(cloud, program):
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    failed(program.first(AWS_PROFILE="nope"), '"nope"')
    assert not cloud.calls


@pytest.mark.parametrize("text, word", [(None, "cannot be read"), ("hello", "is no PEM")])
def test_a_ca_bundle_that_is_none_is_told(cloud, program, text, word):
    bundle = program.folder / "ca.pem"
    if text:
        bundle.write_text(text)
    failed(program.first(AWS_CA_BUNDLE=str(bundle)), "AWS_CA_BUNDLE", word)
    assert not cloud.calls


MFA = """
[profile human]
aws_access_key_id = AKIAHUMANHUMANHUMAN0
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY

[profile ops]
role_arn = arn:aws:iam::111122223333:role/ops
mfa_serial = arn:aws:iam::111122223333:mfa/human
source_profile = human
external_id = of-us
duration_seconds = 1800
"""


@pytest.fixture
def role(program):
    """Flags and environment for a profile whose role wants a code."""
    (program.folder / "config").write_text(MFA)
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[name]
    return {"AWS_CONFIG_FILE": str(program.folder / "config"), "AWS_PROFILE": "ops"}


def test_the_code_of_a_role_with_mfa_is_asked_for_once(cloud, program, role, standing):
    """STS API Reference, AssumeRole: SerialNumber and TokenCode; its keys count everywhere."""
    told = succeeded(program("events", terminal=True, answer="123456\n", **role))
    assert "MFA code of arn:aws:iam::111122223333:mfa/human: " in told.err
    assert "MFA code" not in told.out
    (assumed,) = cloud.of("AssumeRole")
    assert "AKIAHUMANHUMANHUMAN0" in assumed.headers["authorization"]
    wanted = {
        "RoleArn": "arn:aws:iam::111122223333:role/ops",
        "RoleSessionName": "log2aws",
        "SerialNumber": "arn:aws:iam::111122223333:mfa/human",
        "TokenCode": "123456",
        "ExternalId": "of-us",
        "DurationSeconds": "1800",
    }
    assert {name: assumed.fields.get(name) for name in wanted} == wanted
    later = cloud.calls[cloud.calls.index(assumed) + 1 :]
    assert {call.service for call in later} >= {"sts", "cloudformation"}
    for call in later:
        assert "ASIAIOSFODNN7EXAMPLE" in call.headers["authorization"], call
        assert call.headers["x-amz-security-token"] == "token-of-the-role", call


def test_a_wrong_code_is_told(cloud, program, role):
    told = program("events", terminal=True, answer="654321\n", **role)
    failed(told, "invalid MFA one time pass code", "wait for the next one")
    assert cloud.actions() == ["AssumeRole"]


def test_no_code_is_told_without_a_call(cloud, program, role):
    failed(program("events", terminal=True, answer="", **role), "no code of the MFA device")
    assert not cloud.calls


def test_without_a_terminal_nobody_is_asked(cloud, program, role):
    role["AWS_ENDPOINT_URL"] = cloud.url
    told = failed(program("events", **role), "MFA", "export-credentials --profile ops")
    assert "MFA code of" not in told.err
    assert all("TokenCode" not in call.fields for call in cloud.of("AssumeRole"))


def test_keys_of_the_environment_come_before_a_role_with_mfa(cloud, program, role, standing):
    role |= {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
    succeeded(program("events", terminal=True, **role))
    assert not cloud.of("AssumeRole")
