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
