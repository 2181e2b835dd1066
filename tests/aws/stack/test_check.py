"""`stack check` and `stack plan --deployed`: drift, a delivery, and PUTs that must be refused."""

import json
import re

import pytest
from cloud import denied
from conftest import STACK, failed, says, succeeded
from runs import Scenario

QUICK = ["--patience-ms", "500"]
GUARDS = {
    "RawBucket",
    "RawBucketPolicy",
    "AnalyzedBucket",
    "AnalyzedBucketPolicy",
    "AllowHostsParameter",
    "Api",
    "GenerateUrlRole",
    "AnalyzeLogRole",
    "FailedEvents",
    "FailedEventsPolicy",
}
ROLES = ("GenerateUrlRole", "AnalyzeLogRole")
DELIVERY = {
    "URL from the API",
    "PUT of another length",
    "PUT of other bytes",
    "PUT with an unsigned header",
    "PUT to another key",
    "PUT",
    "results",
}


@pytest.fixture
def checked(cloud, deployed, program):
    """Runs a check of a deployed stack: {subject: (outcome, detail)}, and how it ended."""
    deployed.outputs["GenerateSignedUrl"]["Value"] = cloud.door.url()

    def run(*flags):
        told = program("check", "--json", *QUICK, *flags)
        found = json.loads(told.out)
        assert (found["stack"], found["account"]) == (STACK, cloud.account)
        return {f["subject"]: (f["outcome"], f["detail"]) for f in found["findings"]}, told

    return run


def test_a_stack_as_it_was_deployed_is_proved(cloud, checked):
    found, told = checked()
    assert told.code == 0, told
    proved = {subject for subject, (outcome, _) in found.items() if outcome == "proved"}
    assert proved == GUARDS | DELIVERY
    simulated = {subject for subject, (outcome, _) in found.items() if outcome == "simulated"}
    assert {subject.split()[0].rstrip(":") for subject in simulated} == set(ROLES)
    assert len(found) == len(proved) + len(simulated) + 1
    assert found["PUT after 300 s"][0] == "unproved" and "--late" in found["PUT after 300 s"][1]
    raw = cloud.buckets.all[cloud.bucket_name("server")]
    assert [v.key.partition("/")[0] for v in raw.versions] == ["log2aws-check"], "one log, once"


def test_it_is_told_as_a_table(cloud, deployed, program):
    deployed.outputs["GenerateSignedUrl"]["Value"] = cloud.door.url()
    told = succeeded(program("check", *QUICK))
    says(told, r"  ok +RawBucket +as the template says", r"proved: 17, simulated: \d\d, wrong: 0")
    says(told, r"  simulated  GenerateUrlRole SignPuts +allowed: s3:PutObject")
    says(told, r"  simulated  GenerateUrlRole: reads no log +denied: s3:GetObject")
    assert "Signature=" not in told.all, "a URL is a secret"


def test_edits_by_hand_are_told_for_what_holds_and_guards_data(cloud, checked):
    bucket = cloud.actual["AWS::S3::Bucket", cloud.bucket_name("server")]
    for name in ["BucketEncryption", "LifecycleConfiguration", "NotificationConfiguration"]:
        del bucket[name]
    bucket["VersioningConfiguration"] = {"Status": "Suspended"}
    bucket["PublicAccessBlockConfiguration"] = {}
    cloud.parameters["/log2aws/dev/LogPutAllowHosts"] = "192.0.2.1"
    for (kind, _), properties in cloud.actual.items():
        if kind == "AWS::ApiGateway::RestApi":
            properties["Policy"] = {}
        if kind == "AWS::S3::BucketPolicy":
            properties["PolicyDocument"] = {}
        if kind == "AWS::CloudWatch::Alarm" and "refusals" in properties["AlarmName"]:
            properties["Threshold"] = 1000
    found, told = checked("--drift-only")
    assert told.code == 1, told
    wrong = {subject: detail for subject, (outcome, detail) in found.items() if outcome == "wrong"}
    assert set(wrong) == {
        "RawBucket",
        "RawBucketPolicy",
        "AnalyzedBucketPolicy",
        "AllowHostsParameter",
        "Api",
        "RefusalsAlarm",
    }
    for path in [
        "BucketEncryption",
        "LifecycleConfiguration",
        "NotificationConfiguration",
        "VersioningConfiguration",
        "PublicAccessBlockConfiguration",
    ]:
        assert f"/{path} is " in wrong["RawBucket"], wrong
    assert 'is "192.0.2.1", and the template says' in wrong["AllowHostsParameter"]
    assert not DELIVERY & set(found)


def test_what_aws_cannot_compare_is_unproved(cloud, checked):
    cloud.stacks.scenario = Scenario(unchecked={"RawBucketPolicy"})
    found, told = checked("--drift-only")
    assert told.code == 0 and found["RawBucketPolicy"][0] == "unproved"


def test_a_bucket_that_was_removed_is_told(cloud, checked):
    del cloud.buckets.all[cloud.bucket_name("analyzed")]
    del cloud.actual["AWS::S3::Bucket", cloud.bucket_name("analyzed")]
    found, told = checked("--drift-only")
    assert found["AnalyzedBucket"] == ("wrong", "was deleted outside of CloudFormation")


@pytest.mark.parametrize(
    "lets, subject", [("unsigned", "PUT with an unsigned header"), ("key", "PUT to another key")]
)
def test_a_put_that_is_accepted_though_it_must_not_be_is_wrong(cloud, checked, lets, subject):
    cloud.door.lets = {lets}
    found, told = checked()
    assert told.code == 1 and found[subject][0] == "wrong", found


def test_an_address_that_is_not_listed_proves_nothing(cloud, checked):
    cloud.door.allowed = False
    found, told = checked()
    outcome, detail = found["URL from the API"]
    assert told.code == 0 and outcome == "unproved" and "192.0.2.7" in detail
    assert "PUT" not in found


def test_where_keys_are_required_nothing_is_delivered(cloud, checked):
    cloud.door.requires_keys = True
    found, told = checked()
    outcome, detail = found["URL from the API"]
    assert told.code == 0 and outcome == "unproved" and "RequireKeys" in detail
    assert "allow-list" not in detail and "PUT" not in found


def test_results_that_do_not_come_are_wrong(cloud, checked):
    cloud.door.analyzes = False
    found, told = checked()
    assert told.code == 1 and found["results"][0] == "wrong"
    assert "analyze-log" in found["results"][1]


def test_who_may_not_read_results_proves_nothing_of_them(cloud, checked):
    name = cloud.bucket_name("analyzed")
    cloud.fault("GetObject", denied("s3:GetObject", f"arn:aws:s3:::{name}/*"), times=9)
    found, told = checked()
    assert found["results"][0] == "unproved" and "s3:GetObject" in found["results"][1]


def test_no_stack_is_nothing_to_check(cloud, program):
    failed(program("check"), "no stack", STACK)


def test_a_check_changes_nothing_of_the_stack(cloud, checked):
    checked()
    changed = {call.action for call in cloud.changes()} - {"Invoke", "PutObject"}
    assert changed == {"DetectStackDrift"}


def test_the_plan_shows_the_drift_of_the_deployed_stack(cloud, deployed, program):
    cloud.parameters["/log2aws/dev/LogPutAllowHosts"] = "192.0.2.1"
    program.command, command = (
        lambda verb, flags: command(verb, ["--endpoint-url", cloud.url, "--poll-ms", "10", *flags]),
        program.command,
    )
    told = succeeded(program("plan", "--deployed"))
    assert re.search(r"^  WRONG +AllowHostsParameter +/Value is", told.out, re.M), told
    assert re.search(r"^  ok +RawBucket ", told.out, re.M), told
