"""What is there against what the template says: after a bucket is taken over, and after edits by hand.

"After the import is complete and before performing subsequent stack operations, we recommend running
drift detection on imported resources" (CloudFormation User Guide, "Import AWS resources into a
CloudFormation stack automatically"): an import does not change a resource. "Drift-aware change sets
compare templates with the actual state of your stack resources and bring drifted resources in line
with their template definitions" ("Using drift-aware change sets").
"""

import re

import pytest
from conftest import HOSTS, STACK, failed, says, succeeded
from runs import Scenario

KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd"
WANTED = ["--parameter", "RawKeepDays=31", "--parameter", f"KmsKeyArn={KEY}"]


def actual(cloud, kind="server"):
    return cloud.properties("AWS::S3::Bucket", cloud.bucket_name(kind))


def encryption(cloud):
    (rule,) = actual(cloud)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return rule["ServerSideEncryptionByDefault"]


def lifecycle(cloud):
    return {rule["Id"]: rule for rule in actual(cloud)["LifecycleConfiguration"]["Rules"]}


def kept_buckets(cloud, program):
    succeeded(program.first())
    succeeded(program("delete"))
    cloud.calls.clear()


def test_buckets_that_are_taken_over_get_the_templates_settings(cloud, program):
    kept_buckets(cloud, program)
    assert "expire" not in lifecycle(cloud)
    told = succeeded(program.first(*WANTED))
    assert encryption(cloud) == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    assert lifecycle(cloud)["expire"]["ExpirationInDays"] == "31"
    first, second = cloud.of("CreateChangeSet")
    assert "DeploymentMode" not in first.fields, "there is no actual state of a stack to be made"
    assert second.fields["DeploymentMode"] == "REVERT_DRIFT"
    assert second.fields["ChangeSetType"] == "UPDATE"
    assert set(second.parameters().values()) == {None}, "UsePreviousValue"
    assert cloud.stacks.stack(STACK).status == "UPDATE_COMPLETE"
    line = r"^\s*~ RawBucket\s+AWS::S3::Bucket\s+\(.*BucketEncryption, LifecycleConfiguration.*\)$"
    assert re.search(line, told.out, re.M), told
    says(told, r"GenerateSignedUrl\s*: https://")


def test_a_bucket_without_any_settings_gets_them_all(cloud, program):
    """Its notification, too: without it no log has results."""
    cloud.buckets.make(cloud.bucket_name("server"))
    succeeded(program.first())
    template = cloud.stacks.stack(STACK)
    wanted = cloud.stacks._evaluated(template.body, template.parameters).resources["RawBucket"]
    assert actual(cloud) == wanted["Properties"]
    assert wanted["Properties"]["NotificationConfiguration"]


def test_buckets_that_are_as_wanted_are_left_alone(cloud, program):
    kept_buckets(cloud, program)
    succeeded(program.first())
    assert len(cloud.of("CreateChangeSet")) == 2 and len(cloud.of("ExecuteChangeSet")) == 1
    assert cloud.stacks.stack(STACK).status == "CREATE_COMPLETE"
    assert [one.executed for one in cloud.stacks.sets] == [True], "the second is removed"


def test_nothing_taken_over_needs_no_second_change_set(cloud, program):
    succeeded(program.first())
    assert len(cloud.of("CreateChangeSet")) == 1


def test_settings_that_cannot_be_applied_are_told(cloud, program):
    kept_buckets(cloud, program)
    cloud.stacks.scenario = Scenario(holds_after=4)
    running = program.start("deploy", "--allow-hosts", HOSTS, *WANTED)
    running.until(r"IMPORT_COMPLETE")
    # What is under way goes on; only the next run fails.
    cloud.stacks.scenario = Scenario(fails={"RawBucket": "the key is disabled"})
    told = failed(running.end(), "RawBucket", "the key is disabled", "UPDATE_ROLLBACK_COMPLETE")
    says(told, "taken over")


def test_an_interrupted_deploy_is_made_good_by_the_next(cloud, program):
    """The stack was made, and nobody was there to put its buckets right."""
    kept_buckets(cloud, program)
    told = succeeded(program.first(*WANTED, "--detach"))
    says(told, "taken over", "deploy again")
    succeeded(program("events", "--follow"))
    assert "expire" not in lifecycle(cloud)
    succeeded(program.deploy())
    assert lifecycle(cloud)["expire"]["ExpirationInDays"] == "31"
    assert encryption(cloud)["KMSMasterKeyID"] == KEY


@pytest.fixture
def edited(cloud, program):
    """A stack whose raw bucket somebody has edited by hand after an update."""
    succeeded(program.first())
    succeeded(program.deploy("--parameter", "RawKeepDays=9"))
    cloud.calls.clear()
    actual(cloud)
    bucket = cloud.actual["AWS::S3::Bucket", cloud.bucket_name("server")]
    bucket["VersioningConfiguration"] = {"Status": "Suspended"}
    del bucket["NotificationConfiguration"]
    return bucket


def test_edits_by_hand_are_reverted_on_request(cloud, program, edited):
    says(succeeded(program.deploy()), "nothing to change")
    assert edited["VersioningConfiguration"] == {"Status": "Suspended"}
    told = succeeded(program.deploy("--revert-drift", terminal=True, answer="n\n"))
    line = r"^\s*~ RawBucket\s+.*\(.*VersioningConfiguration, NotificationConfiguration.*\)$"
    assert re.search(line, told.out, re.M), told
    assert edited["VersioningConfiguration"] == {"Status": "Suspended"}
    succeeded(program.deploy("--revert-drift"))
    assert edited["VersioningConfiguration"] == {"Status": "Enabled"}
    assert edited["NotificationConfiguration"]
