"""`aws cloudformation deploy` with deploy/template.yml, for those who prefer it."""

import os
import subprocess
import time

import moto_cloud
import pytest
from conftest import GIVEN, HOSTS, STACK, TEMPLATE_FILE, zipped
from runs import Scenario

ONE = "203.0.113.7"


@pytest.fixture(params=["scripted", "moto"])
def aws(request, tmp_path):
    """Gives what runs `aws`, and what tells a stack's status and the stored allow-list."""
    if request.param == "scripted":
        cloud = request.getfixturevalue("cloud")
        # The client waits half a minute between two questions.
        cloud.stacks.scenario = Scenario(moves_on=None, pending=0)
        yield Shell(tmp_path, cloud.url, cloud.account, cloud.region, True)
        return
    moto = moto_cloud.Moto(tmp_path)
    try:
        yield Shell(tmp_path, moto.url, moto_cloud.ACCOUNT, moto_cloud.REGION, False)
    finally:
        moto.stop()


class Shell:
    def __init__(self, folder, url, account, region, sees_no_change):
        self.folder, self.url, self.sees_no_change = folder, url, sees_no_change
        self.account, self.region = account, region
        self.artifacts = f"cf-templates-{region}-{account}"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "operator",
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def __call__(self, *words):
        done = subprocess.run(
            [str(moto_cloud.TOOLS / "aws"), "--endpoint-url", self.url, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            cwd=self.folder,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def deploy(self, **values):
        # The client names its change sets by the second.
        time.sleep(1.0)
        given = {**GIVEN, "ArtifactBucket": self.artifacts, **values}
        return self(
            "cloudformation",
            "deploy",
            "--template-file",
            str(TEMPLATE_FILE),
            "--stack-name",
            STACK,
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-fail-on-empty-changeset",
            "--parameter-overrides",
            *(f"{name}={value}" for name, value in given.items()),
        )

    def status(self):
        return self(
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            STACK,
            "--query",
            "Stacks[0].StackStatus",
            "--output",
            "text",
        )

    def stored(self):
        return self(
            "ssm",
            "get-parameter",
            "--name",
            "/log2aws/dev/LogPutAllowHosts",
            "--query",
            "Parameter.Value",
            "--output",
            "text",
        )


def test_aws_cloudformation_deploy_takes_the_same_template(aws):
    aws(
        "s3api",
        "create-bucket",
        "--bucket",
        aws.artifacts,
        "--create-bucket-configuration",
        f"LocationConstraint={aws.region}",
    )
    zips = aws.folder / "function.zip"
    zips.write_bytes(zipped())
    for name in ["GenerateUrlKey", "AnalyzeLogKey"]:
        aws(
            "s3api",
            "put-object",
            "--bucket",
            aws.artifacts,
            "--key",
            GIVEN[name],
            "--body",
            str(zips),
        )
    aws.deploy()
    assert aws.status() == "CREATE_COMPLETE"
    assert aws.stored() == HOSTS
    again = aws.deploy()
    # moto does not see that nothing changes: see moto_cloud.py.
    assert aws.sees_no_change == ("No changes to deploy" in again), again
    aws.deploy(LogPutAllowHosts=ONE, LogPutAllowNetworks=ONE)
    assert aws.status() == "UPDATE_COMPLETE"
    assert aws.stored() == ONE
    for kind in ["serverlogs", "analyzedlogs"]:
        aws("s3api", "head-bucket", "--bucket", f"{kind}-dev-{aws.account}-{aws.region}")
