"""The judge of the stand-in: boto3 reads each of its answers, and its waiters see the ends."""

import boto3
import botocore.config
import botocore.exceptions
import pytest
from cloud import Closed, denied, expired, internal, throttled
from conftest import GIVEN, TEMPLATE
from runs import Scenario

NAME = "log2aws-dev"
QUICK = {"Delay": 0, "MaxAttempts": 400}


@pytest.fixture
def client(cloud):
    def make(service):
        return boto3.client(
            service,
            endpoint_url=cloud.url,
            region_name=cloud.region,
            aws_access_key_id="operator",
            aws_secret_access_key="operator",
            config=botocore.config.Config(
                retries={"max_attempts": 0}, s3={"addressing_style": "path"}
            ),
        )

    return make


@pytest.fixture
def artifacts(cloud):
    return cloud.buckets.make(cloud.artifact_bucket())


def pairs(values):
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def change_set(stacks, kind, values, name="one", body=TEMPLATE, **more):
    stacks.create_change_set(
        StackName=NAME,
        ChangeSetName=name,
        ChangeSetType=kind,
        TemplateBody=body,
        Parameters=values if isinstance(values, list) else pairs(values),
        Capabilities=["CAPABILITY_IAM"],
        ImportExistingResources=True,
        **more,
    )
    waiter = stacks.get_waiter("change_set_create_complete")
    waiter.wait(StackName=NAME, ChangeSetName=name, WaiterConfig=QUICK)
    return stacks.describe_change_set(StackName=NAME, ChangeSetName=name)


def run(stacks, name="one", ends="stack_create_complete"):
    """Executes it, and lets it run: at each poll the events move on."""
    stacks.execute_change_set(StackName=NAME, ChangeSetName=name, ClientRequestToken="token")
    for _ in range(100):
        stacks.describe_stack_events(StackName=NAME)
    stacks.get_waiter(ends).wait(StackName=NAME, WaiterConfig=QUICK)


def code(error):
    return error.value.response["Error"]["Code"]


def test_boto3_creates_updates_and_deletes_a_stack(cloud, client, artifacts):
    stacks = client("cloudformation")
    with pytest.raises(botocore.exceptions.ClientError, match="with id log2aws-dev does not exist"):
        stacks.describe_stacks(StackName=NAME)
    made = change_set(stacks, "CREATE", GIVEN)
    assert {c["ResourceChange"]["Action"] for c in made["Changes"]} == {"Add"}
    assert (
        stacks.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    )
    run(stacks)
    stack = stacks.describe_stacks(StackName=NAME)["Stacks"][0]
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    assert outputs["ServerlogBucket"] == cloud.bucket_name("server")
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}[
        "RawKeepDays"
    ] == "0"
    ssm = client("ssm")
    stored = ssm.get_parameter(Name="/log2aws/dev/LogPutAllowHosts")["Parameter"]["Value"]
    assert stored == GIVEN["LogPutAllowHosts"]
    both = ssm.get_parameters(Names=["/log2aws/dev/LogPutAllowHosts", "/log2aws/dev/None"])
    assert [one["Value"] for one in both["Parameters"]] == [stored]
    assert both["InvalidParameters"] == ["/log2aws/dev/None"]
    resources = stacks.describe_stack_resources(StackName=NAME)["StackResources"]
    listed = stacks.list_stack_resources(StackName=NAME)["StackResourceSummaries"]
    assert len(resources) == len(listed) == len(made["Changes"])
    assert stacks.get_template(StackName=NAME)["TemplateBody"] == TEMPLATE

    kept = [
        {"ParameterKey": key, "UsePreviousValue": True} for key in GIVEN if key != "GenerateUrlKey"
    ]
    updated = change_set(stacks, "UPDATE", [*kept, *pairs({"GenerateUrlKey": "other.zip"})], "two")
    assert [
        (c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"])
        for c in updated["Changes"]
    ] == [("Modify", "GenerateUrl")]
    run(stacks, "two", "stack_update_complete")

    stack_id = stack["StackId"]
    stacks.delete_stack(StackName=NAME)
    for _ in range(100):
        stacks.describe_stack_events(StackName=stack_id)
    stacks.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig=QUICK)
    assert (
        stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    )
    assert cloud.bucket_name("server") in cloud.buckets.all, "RetainExceptOnCreate"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/log2aws/dev/LogPutAllowHosts")

    again = change_set(stacks, "CREATE", GIVEN, "three")
    assert taken_over(again) == set(), "a name that is worked out is not looked for"
    stacks.delete_stack(StackName=NAME)
    literal = TEMPLATE.replace(
        "!Sub serverlogs-${Env}-${AWS::AccountId}-${AWS::Region}\n",
        cloud.bucket_name("server") + "\n",
    )
    again = change_set(stacks, "CREATE", GIVEN, "four", body=literal)
    assert taken_over(again) == {"RawBucket"}
    with pytest.raises(botocore.exceptions.WaiterError, match="ROLLBACK"):
        run(stacks, "four")
    told = stacks.describe_stack_events(StackName=NAME)["StackEvents"]
    (failed,) = [
        e["ResourceStatusReason"]
        for e in told
        if (e["LogicalResourceId"], e["ResourceStatus"]) == ("AnalyzedBucket", "CREATE_FAILED")
    ]
    assert failed == f"{cloud.bucket_name('analyzed')} already exists"


def taken_over(told):
    changes = [one["ResourceChange"] for one in told["Changes"]]
    return {one["LogicalResourceId"] for one in changes if one["Action"] == "Import"}


def test_boto3_sees_why_a_change_set_is_not_valid(cloud, client, artifacts):
    stacks = client("cloudformation")
    cloud.stacks.page = 1
    cloud.stacks.scenario = Scenario(invalid={"RawBucket": "it stands already"})
    with pytest.raises(botocore.exceptions.WaiterError, match="FAILED"):
        change_set(stacks, "CREATE", GIVEN)
    failed = stacks.describe_change_set(StackName=NAME, ChangeSetName="one")
    assert "AWS::EarlyValidation::ResourceExistenceCheck" in failed["StatusReason"]
    found, more = [], {"ChangeSetName": failed["ChangeSetId"]}
    while True:
        told = stacks.describe_events(**more)
        found += told["OperationEvents"]
        if "NextToken" not in told:
            break
        more["NextToken"] = told["NextToken"]
    assert [one["EventType"] for one in found] == ["STACK_EVENT", "VALIDATION_ERROR", "STACK_EVENT"]
    assert found[1]["ValidationStatusReason"] == "it stands already"
    assert (found[1]["LogicalResourceId"], found[1]["ResourceType"]) == (
        "RawBucket",
        "AWS::S3::Bucket",
    )
    more = {"ChangeSetName": failed["ChangeSetId"], "Filters": {"FailedEvents": True}}
    cloud.stacks.page = 100
    assert len(stacks.describe_events(**more)["OperationEvents"]) == 2


def test_boto3_is_told_once_of_the_stack_as_it_was(cloud, client, artifacts):
    stacks = client("cloudformation")
    cloud.stacks.scenario = Scenario(stale=1)
    change_set(stacks, "CREATE", GIVEN)
    stacks.execute_change_set(StackName=NAME, ChangeSetName="one")
    told = [stacks.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"] for _ in range(2)]
    assert told == ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS"]


def test_boto3_reads_events_in_pages_newest_first(cloud, client, artifacts):
    cloud.stacks.standing(NAME, GIVEN)
    cloud.stacks.page = 7
    pages = client("cloudformation").get_paginator("describe_stack_events")
    told = [event for page in pages.paginate(StackName=NAME) for event in page["StackEvents"]]
    assert len(told) > 60
    assert len({event["EventId"] for event in told}) == len(told)
    times = [event["Timestamp"] for event in told]
    assert times == sorted(times, reverse=True)
    assert told[0]["ResourceStatus"] == "CREATE_COMPLETE" and told[0]["LogicalResourceId"] == NAME
    assert "Resource creation Initiated" in {event.get("ResourceStatusReason") for event in told}


def test_boto3_sees_a_create_that_fails_and_rolls_back(cloud, client, artifacts):
    stacks = client("cloudformation")
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLog": "no such zip"})
    change_set(stacks, "CREATE", GIVEN)
    with pytest.raises(botocore.exceptions.WaiterError, match="ROLLBACK"):
        run(stacks)
    told = stacks.describe_stack_events(StackName=NAME)["StackEvents"]
    failed = {
        e["LogicalResourceId"]: e["ResourceStatusReason"]
        for e in told
        if e["ResourceStatus"] == "CREATE_FAILED"
    }
    assert failed.pop("AnalyzeLog") == "no such zip"
    assert set(failed.values()) == {"Resource creation cancelled"}
    assert told[0]["ResourceStatus"] == "ROLLBACK_COMPLETE"
    assert cloud.bucket_name("server") not in cloud.buckets.all
    with pytest.raises(botocore.exceptions.ClientError, match="is in ROLLBACK_COMPLETE state"):
        change_set(stacks, "UPDATE", GIVEN, "two")


def test_boto3_reads_the_errors(cloud, client, artifacts):
    stacks = client("cloudformation")
    for fault, said in [
        (throttled(), "Throttling"),
        (expired(), "ExpiredToken"),
        (internal(), "InternalFailure"),
        (denied("cloudformation:DescribeStacks", "arn:x"), "AccessDenied"),
    ]:
        cloud.fault("DescribeStacks", fault)
        with pytest.raises(botocore.exceptions.ClientError) as error:
            stacks.describe_stacks()
        assert code(error) == said
    cloud.fault("DescribeStacks", Closed())
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        stacks.describe_stacks()
    with pytest.raises(stacks.exceptions.InsufficientCapabilitiesException, match="CAPABILITY_IAM"):
        stacks.create_change_set(
            StackName=NAME,
            ChangeSetName="one",
            ChangeSetType="CREATE",
            TemplateBody=TEMPLATE,
            Parameters=pairs(GIVEN),
        )
    with pytest.raises(stacks.exceptions.ChangeSetNotFoundException):
        stacks.describe_change_set(StackName=NAME, ChangeSetName="none")
    with pytest.raises(botocore.exceptions.ClientError, match="LogPutAllowHosts"):
        change_set(stacks, "CREATE", {**GIVEN, "LogPutAllowHosts": "not;allowed"})
    change_set(stacks, "CREATE", GIVEN)
    with pytest.raises(stacks.exceptions.AlreadyExistsException):
        change_set(stacks, "CREATE", GIVEN)
    cloud.stacks.standing("other", GIVEN)
    with pytest.raises(botocore.exceptions.ClientError, match="already exists and cannot be"):
        stacks.create_change_set(
            StackName="other",
            ChangeSetName="x",
            ChangeSetType="CREATE",
            TemplateBody=TEMPLATE,
            Parameters=pairs(GIVEN),
            Capabilities=["CAPABILITY_IAM"],
        )
    cloud.fault("GetParameter", denied("ssm:GetParameter", "arn:y"))
    with pytest.raises(
        botocore.exceptions.ClientError, match="ssm:GetParameter on resource: arn:y"
    ):
        client("ssm").get_parameter(Name="/x")
    assert client("sts").get_caller_identity()["Account"] == cloud.account


def test_boto3_sees_that_nothing_would_change(cloud, client, artifacts):
    stacks = client("cloudformation")
    cloud.stacks.standing(NAME, GIVEN)
    with pytest.raises(botocore.exceptions.WaiterError, match="FAILED"):
        change_set(stacks, "UPDATE", GIVEN)
    told = stacks.describe_change_set(StackName=NAME, ChangeSetName="one")
    assert told["Status"] == "FAILED" and "didn't contain changes" in told["StatusReason"]
    stacks.delete_change_set(StackName=NAME, ChangeSetName="one")


def test_boto3_makes_fills_and_empties_buckets(cloud, client):
    s3 = client("s3")
    with pytest.raises(botocore.exceptions.ClientError, match="IllegalLocationConstraint"):
        s3.create_bucket(Bucket="made")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.head_bucket(Bucket="made")
    assert code(error) == "404"
    s3.create_bucket(Bucket="made", CreateBucketConfiguration={"LocationConstraint": cloud.region})
    blocked = dict.fromkeys(
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True
    )
    s3.put_public_access_block(Bucket="made", PublicAccessBlockConfiguration=blocked)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.head_bucket(Bucket="made", ExpectedBucketOwner="999999999999")
    assert code(error) == "403"
    put = s3.put_object(Bucket="made", Key="a/b.zip", Body=b"bytes", ChecksumAlgorithm="SHA256")
    assert s3.head_object(Bucket="made", Key="a/b.zip")["VersionId"] == put["VersionId"]
    with pytest.raises(botocore.exceptions.ClientError, match="404"):
        s3.head_object(Bucket="made", Key="a/c.zip")
    bucket = cloud.buckets.all["made"]
    for number in range(1_200):
        bucket.put(f"web{number % 7:02}/2026-01-01 + é&.log", b"x" * number)
    bucket.mark_deleted("a/b.zip")
    bucket.begin_upload("half/done.log")
    with pytest.raises(botocore.exceptions.ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket="made")
    seen, sizes = 0, 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket="made", MaxKeys=500):
        seen += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        sizes += sum(version["Size"] for version in page.get("Versions", []))
    assert seen == len(bucket.versions) == 1_202
    assert sizes == sum(range(1_200)) + 5
    while versions := s3.list_object_versions(Bucket="made"):
        named = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for one in versions.get("Versions", []) + versions.get("DeleteMarkers", [])
        ]
        if not named:
            break
        done = s3.delete_objects(Bucket="made", Delete={"Objects": named, "Quiet": True})
        assert "Errors" not in done
    for upload in s3.list_multipart_uploads(Bucket="made")["Uploads"]:
        s3.abort_multipart_upload(Bucket="made", Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket="made")
    assert not cloud.buckets.all


def test_boto3_finds_nobody_when_the_endpoint_is_gone(cloud, client):
    stacks = client("cloudformation")
    stacks.describe_stacks()
    cloud.vanish()
    with pytest.raises(botocore.exceptions.BotoCoreError):
        stacks.describe_stacks()


def test_a_held_run_goes_on_when_the_gate_opens(cloud, client, artifacts):
    stacks = client("cloudformation")
    cloud.stacks.scenario = scenario = Scenario(holds_after=3)
    change_set(stacks, "CREATE", GIVEN)
    stacks.execute_change_set(StackName=NAME, ChangeSetName="one")
    for _ in range(50):
        stacks.describe_stack_events(StackName=NAME)
    held = stacks.describe_stacks(StackName=NAME)["Stacks"][0]
    assert held["StackStatus"] == "CREATE_IN_PROGRESS"
    scenario.gate.set()
    for _ in range(50):
        stacks.describe_stack_events(StackName=NAME)
    assert stacks.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
