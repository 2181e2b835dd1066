"""What docs/aws.md and docs/aws.ja.md say of the template, and the rights that they ask for."""

import fnmatch
import json
import re
import shlex

import pytest
from cloudformation import ROOT, Stack, load
from iam import Call, Statement, allowed, with_change

PAGES = ["docs/aws.md", "docs/aws.ja.md"]
TEMPLATE = load()
GIVEN = {
    "ArtifactBucket": "cf-templates-ap-northeast-1-111122223333",
    "GenerateUrlKey": "log2aws/0123.zip",
    "AnalyzeLogKey": "log2aws/4567.zip",
    "LogPutAllowHosts": "203.0.113.7",
    "LogPutAllowNetworks": "203.0.113.7",
}
DOMAIN = {
    "DomainName": "logs.example.com",
    "CertificateArn": "arn:aws:acm:ap-northeast-1:111122223333:certificate/1234abcd",
}
STACK = Stack(TEMPLATE, {**GIVEN, **DOMAIN})
DEPLOYER = "arn:aws:iam::111122223333:user/deployer"


def text(page):
    return (ROOT / page).read_text()


def block(page, language, word):
    """The one fenced block of a page that holds a word."""
    found = re.findall(rf"```{language}\n(.*?)```", text(page), re.S)
    (one,) = [block for block in found if word in block]
    return one


def first_cells(page, below):
    """The names in the first column of the table below a header row that begins so."""
    _, table = text(page).split(f"\n| {below} |", 1)
    return re.findall(r"^\| `([^`]+)` \|([^|]*)\|", table.split("\n\n", 1)[0], re.M)


@pytest.mark.parametrize("page, header", [*zip(PAGES, ["parameter", "パラメーター"])])
def test_every_parameter_is_explained_with_its_default(page, header):
    told = [(name, default.strip("` ")) for name, default in first_cells(page, header)]
    made = [(name, str(p.get("Default", ""))) for name, p in TEMPLATE["Parameters"].items()]
    assert told == made


@pytest.mark.parametrize("page, header", [*zip(PAGES, ["alarm", "アラーム"])])
def test_every_alarm_is_explained_and_named_as_it_is(page, header):
    alarms = STACK.of_type("AWS::CloudWatch::Alarm").values()
    made = {alarm["Properties"]["AlarmName"] for alarm in alarms}
    assert {name for name, _ in first_cells(page, header)} == made
    for group in STACK.of_type("AWS::Logs::LogGroup").values():
        assert f"`{group['Properties']['LogGroupName']}`" in text(page)
    for bucket in STACK.of_type("AWS::S3::Bucket").values():
        assert f"s3://{bucket['Properties']['BucketName']}" in text(page)


@pytest.mark.parametrize("page", PAGES)
def test_the_deploy_by_hand_gives_every_parameter_a_value_that_is_taken(page):
    command = block(page, "sh", "--parameter-overrides")
    (overrides,) = re.findall(r"--parameter-overrides (.*?)\naws ", command, re.S)
    overrides = overrides.replace('"$bucket"', GIVEN["ArtifactBucket"])
    overrides = re.sub(r'"\$\(key ([a-z-]+)\)"', r"log2aws/\1.zip", overrides)
    given = dict(word.split("=", 1) for word in shlex.split(overrides.replace("\\\n", " ")))
    assert set(given) == set(TEMPLATE["Parameters"])
    Stack(TEMPLATE, given)
    for name, rules in TEMPLATE["Parameters"].items():
        assert given[name] == str(rules.get("Default", given[name])), name


def test_both_languages_give_the_same_commands():
    english, japanese = (re.findall(r"```sh\n(.*?)```", text(page), re.S) for page in PAGES)
    # Comments are in the language of the page.
    plain = [[re.sub(r" *# .*", "", block) for block in page] for page in (english, japanese)]
    assert plain[0] == plain[1]


# ---- the rights of whoever deploys ---------------------------------------------------------------

# What AWS's registry of resource types says that its handlers call in the deployer's name: the
# `handlers` of each type's schema, as published in July 2026. Left out is what only features call
# that the template does not use: VPCs, layers, code signing, inventories, replication and the like.
HANDLERS = {
    "AWS::SSM::Parameter": "ssm:PutParameter ssm:GetParameters ssm:DeleteParameter"
    " ssm:AddTagsToResource ssm:RemoveTagsFromResource ssm:ListTagsForResource",
    "AWS::S3::Bucket": "s3:CreateBucket s3:DeleteBucket s3:ListBucket s3:PutBucketVersioning"
    " s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration s3:PutBucketNotification"
    " s3:PutBucketOwnershipControls s3:PutBucketPublicAccessBlock s3:PutBucketTagging"
    " s3:TagResource s3:UntagResource s3:ListTagsForResource s3:GetAccelerateConfiguration"
    " s3:GetLifecycleConfiguration s3:GetBucketPublicAccessBlock s3:GetAnalyticsConfiguration"
    " s3:GetBucketCORS s3:GetEncryptionConfiguration s3:GetInventoryConfiguration"
    " s3:GetBucketLogging s3:GetMetricsConfiguration s3:GetBucketNotification"
    " s3:GetBucketVersioning s3:GetReplicationConfiguration s3:GetBucketWebsite"
    " s3:GetBucketObjectLockConfiguration s3:GetBucketTagging s3:GetBucketAbac s3:GetBucketAcl"
    " s3:GetBucketOwnershipControls s3:GetIntelligentTieringConfiguration"
    " s3:GetBucketMetadataTableConfiguration",
    "AWS::S3::BucketPolicy": "s3:GetBucketPolicy s3:PutBucketPolicy s3:DeleteBucketPolicy",
    "AWS::Lambda::Function": "lambda:CreateFunction lambda:GetFunction lambda:DeleteFunction"
    " lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:TagResource"
    " lambda:UntagResource lambda:GetFunctionCodeSigningConfig lambda:GetFunctionRecursionConfig"
    " lambda:GetRuntimeManagementConfig lambda:PutRuntimeManagementConfig"
    " lambda:GetFunctionScalingConfig"
    " lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency",
    "AWS::Lambda::Permission": "lambda:AddPermission lambda:RemovePermission lambda:GetPolicy",
    "AWS::Lambda::EventInvokeConfig": "lambda:PutFunctionEventInvokeConfig"
    " lambda:UpdateFunctionEventInvokeConfig lambda:GetFunctionEventInvokeConfig"
    " lambda:DeleteFunctionEventInvokeConfig",
    "AWS::IAM::Role": "iam:CreateRole iam:GetRole iam:DeleteRole iam:PutRolePolicy"
    " iam:GetRolePolicy iam:DeleteRolePolicy iam:ListRolePolicies iam:ListAttachedRolePolicies"
    " iam:UpdateAssumeRolePolicy iam:TagRole iam:UntagRole",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup logs:DeleteLogGroup logs:PutRetentionPolicy"
    " logs:DeleteRetentionPolicy logs:DescribeLogGroups logs:GetDataProtectionPolicy"
    " logs:DescribeIndexPolicies logs:DescribeResourcePolicies logs:ListTagsForResource"
    " logs:TagResource logs:UntagResource logs:AssociateKmsKey logs:DisassociateKmsKey",
    "AWS::SQS::Queue": "sqs:CreateQueue sqs:DeleteQueue sqs:GetQueueUrl sqs:GetQueueAttributes"
    " sqs:SetQueueAttributes sqs:ListQueueTags sqs:TagQueue sqs:UntagQueue",
    "AWS::SQS::QueuePolicy": "sqs:SetQueueAttributes",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms"
    " cloudwatch:DescribeAlarms cloudwatch:ListTagsForResource cloudwatch:TagResource"
    " cloudwatch:UntagResource",
} | {
    f"AWS::ApiGateway::{kind}": " ".join(
        f"apigateway:{verb}" for verb in ["GET", "POST", "PUT", "PATCH", "DELETE"]
    )
    for kind in ["RestApi", "Method", "GatewayResponse", "Deployment", "Stage", "DomainName", "BasePathMapping"]
}
HANDLERS["AWS::ApiGateway::RestApi"] += " apigateway:UpdateRestApiPolicy"

# What `log2aws stack` calls itself, or tells people to: CloudFormation, S3 and Parameter Store.
CLOUDFORMATION = (
    "DescribeStacks DescribeStackEvents CreateChangeSet DescribeChangeSet ExecuteChangeSet"
    " DeleteChangeSet DeleteStack ContinueUpdateRollback DescribeEvents"
    " DetectStackDrift DetectStackResourceDrift DescribeStackResourceDrifts"
    " UpdateTerminationProtection"
)
PURGE = ["DeleteBucket", "ListBucketVersions", "ListBucketMultipartUploads"]
PURGE_OBJECTS = ["DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload"]


def arn(name, resource):
    """The ARN that IAM knows a resource of the stack by."""
    kind, properties = resource["Type"], resource["Properties"]
    if kind.startswith("AWS::S3::"):
        bucket = properties.get("BucketName", properties.get("Bucket"))
        return f"arn:aws:s3:::{bucket}"
    if kind == "AWS::SSM::Parameter":
        return STACK.arn("ssm", f"parameter{properties['Name']}")
    if kind.startswith("AWS::Lambda::"):
        return STACK.arn("lambda", f"function:{properties['FunctionName']}")
    if kind == "AWS::IAM::Role":
        # The stack's name, the resource's, and letters of CloudFormation's choice.
        return f"arn:aws:iam::111122223333:role/log2aws-dev-{name}-1A2B3C4D5E6F"
    if kind == "AWS::Logs::LogGroup":
        return STACK.arn("logs", f"log-group:{properties['LogGroupName']}")
    if kind == "AWS::SQS::Queue":
        return STACK.attribute(name, "Arn")
    if kind == "AWS::SQS::QueuePolicy":
        return STACK.attribute("FailedEvents", "Arn")
    if kind == "AWS::CloudWatch::Alarm":
        return STACK.arn("cloudwatch", f"alarm:{properties['AlarmName']}")
    if kind == "AWS::ApiGateway::RestApi":
        return "arn:aws:apigateway:ap-northeast-1::/restapis"
    if kind == "AWS::ApiGateway::DomainName":
        return "arn:aws:apigateway:ap-northeast-1::/domainnames"
    if kind == "AWS::ApiGateway::BasePathMapping":
        return "arn:aws:apigateway:ap-northeast-1::/domainnames/logs.example.com/basepathmappings"
    assert kind.startswith("AWS::ApiGateway::"), kind
    return "arn:aws:apigateway:ap-northeast-1::/restapis/a1b2c3d4e5/anything"


def several(value):
    return value if isinstance(value, list) else [value]


def policy():
    document = json.loads(block("docs/aws.md", "json", "iam:PassRole"))
    assert document["Version"] == "2012-10-17"
    return [
        Statement(
            name=raw["Sid"],
            effect=raw["Effect"],
            actions=several(raw["Action"]),
            resources=several(raw["Resource"]),
            conditions=raw.get("Condition", {}),
            role=DEPLOYER,
        )
        for raw in document["Statement"]
    ]


def call(action, resource, **context):
    return Call(f"{action} on {resource}", "deploy", {"AWS": DEPLOYER}, action, resource, context)


def needed():
    for name, resource in STACK.resources.items():
        for action in HANDLERS[resource["Type"]].split():
            yield call(action, arn(name, resource))
        if resource["Type"] == "AWS::IAM::Role":
            passed = {"iam:PassedToService": "lambda.amazonaws.com"}
            yield call("iam:PassRole", arn(name, resource), **passed)
        if resource["Type"] == "AWS::S3::Bucket":
            for action in PURGE:
                yield call(f"s3:{action}", arn(name, resource))
            for action in PURGE_OBJECTS:
                yield call(f"s3:{action}", arn(name, resource) + "/web01/2019-08-01.log")
    for action in CLOUDFORMATION.split():
        stack = STACK.arn("cloudformation", "stack/log2aws-dev/0123")
        yield call(f"cloudformation:{action}", stack)
    # Without a resource type: Service Authorization Reference, CloudFormation.
    yield call("cloudformation:DescribeStackDriftDetectionStatus", "*")
    zips = f"arn:aws:s3:::{GIVEN['ArtifactBucket']}"
    for action in ["CreateBucket", "ListBucket", "PutBucketPublicAccessBlock"]:
        yield call(f"s3:{action}", zips)
    for action in ["GetObject", "PutObject"]:
        yield call(f"s3:{action}", f"{zips}/{GIVEN['GenerateUrlKey']}")
    results = arn("AnalyzedBucket", STACK.resources["AnalyzedBucket"])
    yield call("s3:ListBucketVersions", results)
    yield call("s3:PutObject", f"{results}/.log2aws/keys.json")
    hosts = STACK.arn("ssm", "parameter/log2aws/dev/LogPutAllowHosts")
    yield from (call(f"ssm:{action}", hosts) for action in ["GetParameter", "PutParameter"])


def test_the_plan_prints_the_policy_of_the_manual():
    embedded = (ROOT / "deploy/deployer-policy.json").read_text()
    assert embedded == block("docs/aws.md", "json", "iam:PassRole")


def test_the_policy_is_enough_to_deploy_with():
    whole = policy()
    denied = [call.name for call in needed() if not allowed(whole, call)]
    assert not denied


def test_no_action_of_the_policy_is_idle():
    whole, calls = policy(), list(needed())
    for statement in whole:
        for action in statement.actions:
            fewer = [other for other in statement.actions if other != action]
            rest = with_change(whole, statement, actions=fewer)
            meant = [call for call in calls if fnmatch.fnmatchcase(call.action, action)]
            assert any(not allowed(rest, call) for call in meant), (statement.name, action)


LOG = "arn:aws:s3:::serverlogs-dev-111122223333-ap-northeast-1/web01/2019-08-01.log"
REGISTRY = "arn:aws:s3:::analyzedlogs-dev-111122223333-ap-northeast-1/.log2aws/keys.json"
ADMIN = "arn:aws:iam::111122223333:role/admin"
ROLE = "arn:aws:iam::111122223333:role/log2aws-dev-GenerateUrlRole-1A2B3C4D5E6F"
LAMBDA = {"iam:PassedToService": "lambda.amazonaws.com"}


@pytest.mark.parametrize(
    "action, resource, context",
    [
        ("s3:GetObject", LOG, {}),
        ("s3:PutObject", LOG, {}),
        ("s3:PutObject", REGISTRY.replace("keys", "retired"), {}),
        ("s3:GetObject", REGISTRY, {}),
        ("s3:GetObject", "arn:aws:s3:::somebody-elses-bucket/key", {}),
        ("s3:DeleteBucket", "arn:aws:s3:::cf-templates-ap-northeast-1-111122223333", {}),
        ("iam:CreateRole", ADMIN, {}),
        ("iam:PutRolePolicy", ADMIN, {}),
        ("iam:PassRole", ADMIN, LAMBDA),
        ("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("iam:AttachRolePolicy", ROLE, {}),
        ("lambda:InvokeFunction", STACK.arn("lambda", "function:log2aws-dev-analyze-log"), {}),
        ("lambda:UpdateFunctionCode", STACK.arn("lambda", "function:other"), {}),
        ("ssm:GetParameter", STACK.arn("ssm", "parameter/other"), {}),
        ("cloudformation:DeleteStack", STACK.arn("cloudformation", "stack/other/0123"), {}),
    ],
)
def test_the_policy_gives_no_more_than_that(action, resource, context):
    assert not allowed(policy(), call(action, resource, **context))
