"""moto's IAM as a second opinion on the roles' own policies, beside iam.py.

moto checks header signatures and a role's statements, action and resource, for S3 and SQS. It
has no opinion on the rest, so that is left out:

- presigned URLs: it answers 500, as it looks for a signature in the headers only;
- the bucket policies: every Condition there denies, whatever the request;
- SSM, KMS, CloudWatch Logs and Lambda: it asks the policy about the resource `*` instead of the
  request's, so that nothing is allowed; the last test shows it;
- who becomes a role: it knows no trust in a service.

It reads `?` and `.` in a resource as a regular expression does; `.` says there what `?` says in IAM,
and `[.]` what `.` says.
"""

import json
import urllib.request

import boto3
import botocore.config
import calls
import iam
import pytest
from botocore.exceptions import ClientError
from cloudformation import Stack, load
from programs import free_port, moto

ACCOUNT, REGION = "123456789012", "us-east-1"
WORLDS = [calls.World(kms=False, address=True, prefix=prefix) for prefix in (False, True)]
STACK = Stack(load(), WORLDS[0].parameters(), ACCOUNT, REGION)
POLICY = [s for s in iam.statements(STACK) if s.role]
# moto asks the policies about nothing but `*`, or about no policy of ours.
SILENT = {"kms", "lambda", "logs", "ssm"}
ASK = {
    "s3:AbortMultipartUpload": lambda s3, **on: s3.abort_multipart_upload(**on, UploadId="u"),
    "s3:DeleteObject": lambda s3, **on: s3.delete_object(**on),
    "s3:DeleteObjectVersion": lambda s3, **on: s3.delete_object(**on, VersionId="v"),
    "s3:GetObject": lambda s3, **on: s3.get_object(**on),
    "s3:GetObjectVersion": lambda s3, **on: s3.get_object(**on, VersionId="v"),
    "s3:ListBucket": lambda s3, **on: s3.list_objects_v2(**on),
    "s3:ListBucketVersions": lambda s3, **on: s3.list_object_versions(**on),
    "s3:PutBucketPolicy": lambda s3, **on: s3.put_bucket_policy(**on, Policy="{}"),
    "s3:PutObject": lambda s3, **on: s3.put_object(**on, Body=b""),
    "s3:PutObjectAcl": lambda s3, **on: s3.put_object_acl(**on, ACL="private"),
    "sqs:DeleteMessage": lambda sqs, **on: sqs.delete_message(**on, ReceiptHandle="r"),
    "sqs:SendMessage": lambda sqs, **on: sqs.send_message(**on, MessageBody="m"),
}
# What else may be wrong with a call that has passed: nothing of that name is there.
ABSENT = {"NoSuchKey", "NoSuchUpload", "NoSuchVersion"}


def asked():
    """Each call of the two roles once, needed or forbidden."""
    found = {}
    for world in WORLDS:
        table = calls.Table(STACK, world)
        for call in [*table.needed(), *table.forbidden()]:
            if call.principal in (table.url_role, table.analyze_role):
                found[call.principal["AWS"], call.action, call.resource] = call
    return [call for call in found.values() if call.action != "sts:AssumeRole"]


class Moto:
    """The roles of the template, in moto."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        s3, sqs = self.client("s3"), self.client("sqs")
        for call in asked():
            service, _, _, _, _, name = call.resource.split(":")[:6]
            if call.action.startswith("s3:"):
                s3.create_bucket(Bucket=name.split("/")[0])
            elif call.action.startswith("sqs:"):
                sqs.create_queue(QueueName=name)
        self.iam, self.clients = self.client("iam"), {}
        for name in STACK.of_type("AWS::IAM::Role"):
            arn = STACK.attribute(name, "Arn")
            trust = STACK.property(name, "AssumeRolePolicyDocument")
            self.iam.create_role(
                RoleName=arn.split("/")[1], AssumeRolePolicyDocument=json.dumps(trust)
            )
            became = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")
            for service in ["s3", "sqs", "ssm"]:
                self.clients[arn, service] = self.client(service, became["Credentials"])

    def check(self, wanted):
        """Whether signatures and policies count from now on."""
        request = urllib.request.Request(
            f"{self.url}/moto-api/reset-auth",
            data=b"0" if wanted else b"inf",
            # A form it would read as one.
            headers={"Content-Type": "text/plain"},
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    def give(self, policy):
        """Each role these statements, and no others."""
        self.check(False)
        for arn in {arn for arn, _ in self.clients}:
            statements = [
                {
                    "Effect": statement.effect,
                    "Action": statement.actions,
                    "Resource": [
                        one.replace(".", "[.]").replace("?", ".") for one in statement.resources
                    ],
                }
                for statement in policy
                if statement.role == arn
            ]
            self.iam.put_role_policy(
                RoleName=arn.split("/")[1],
                PolicyName="own",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
            )
        self.check(True)

    def client(self, service, keys=None):
        keys = keys or dict.fromkeys(["AccessKeyId", "SecretAccessKey", "SessionToken"], "anyone")
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=botocore.config.Config(
                retries={"max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )

    def allowed(self, call):
        service = call.action.split(":")[0]
        client = self.clients[call.principal["AWS"], service]
        name = call.resource.split(":", 5)[5]
        if service == "s3":
            bucket, _, key = name.partition("/")
            on = {"Bucket": bucket} | ({"Key": key} if key else {})
        else:
            on = {"QueueUrl": f"{self.url}/{ACCOUNT}/{name}"}
        try:
            ASK[call.action](client, **on)
        except ClientError as error:
            # SQS tells it in XML, which its client takes for a message.
            if "AccessDenied" in str(error):
                return False
            assert error.response["Error"]["Code"] in ABSENT, (call, error)
        return True


@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    port = free_port()
    process = moto(tmp_path_factory.mktemp("moto"), port)
    try:
        yield Moto(port)
    finally:
        process.stop()


def test_every_call_of_the_roles_is_asked_or_said_to_be_left_out():
    services = {call.action.split(":")[0] for call in asked() if call.action not in ASK}
    assert services == SILENT
    assert {call.action for call in asked()} >= set(ASK)


OPEN = [s for s in POLICY if not {action.split(":")[0] for action in s.actions} & SILENT]


@pytest.mark.parametrize("left_out", [None, *OPEN], ids=lambda s: s.name if s else "whole")
def test_moto_judges_as_we_do(amazon, left_out):
    policy = iam.without(POLICY, left_out)
    amazon.give(policy)
    judged = [call for call in asked() if call.action in ASK]
    ours = {call.name: iam.allowed(policy, call) for call in judged}
    theirs = {call.name: amazon.allowed(call) for call in judged}
    assert theirs == ours
    allowed = [call for call in judged if ours[call.name]]
    assert len(OPEN) == 11 and 0 < len(allowed) < len(judged)
    # Whoever misses a statement misses a call, or makes one too many.
    assert left_out is None or any(
        iam.allowed(POLICY, call) != theirs[call.name] for call in judged
    )


def test_moto_has_no_opinion_on_parameters(amazon):
    """Were it to get one, SSM would belong to the calls above."""
    amazon.give(POLICY)
    (hosts,) = {c.resource for c in asked() if c.name == "generate-url reads LogPutAllowHosts"}
    (role,) = {s.role for s in POLICY if s.name == "GenerateUrlRole/ReadSettings"}
    with pytest.raises(ClientError, match="AccessDenied"):
        amazon.clients[role, "ssm"].get_parameters(Names=[hosts.split(":parameter")[1]])
