"""What goes wrong in AWS, and how it is told: what happened, where, and what to do."""

import shlex

import pytest
from cloud import denied, expired, internal, throttled, unknown_key
from conftest import GIVEN, HOSTS, STACK, binary, failed, happened, progress, says, succeeded
from runs import Scenario
from wire import Refusal

REASON = (
    'Resource handler returned message: "Error occurred while GetObject. S3 Error Code: '
    'PermanentRedirect. S3 Error Message: The bucket is in this region: us-east-1" '
    "(RequestToken: 0f5c0a57, HandlerErrorCode: InvalidRequest)"
)


def summary(told):
    """What was said besides the lines of the events themselves."""
    shown = {line for line in told.out.splitlines() if " AWS::" in line}
    return "\n".join(line for line in told.all.splitlines() if line not in shown)


def test_a_create_that_fails_names_the_first_cause(cloud, program):
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLog": REASON})
    told = failed(program.first(), "ROLLBACK_COMPLETE", "stack delete")
    assert progress(told) == happened(cloud.stacks.stack(STACK), 1), "to the rollback's end"
    said = summary(told)
    assert "AnalyzeLog" in said and REASON in said, told
    assert "Resource creation cancelled" not in said, told
    assert "The following resource(s) failed" not in said, told
    assert "GenerateUrl " not in said, "it was called off, which is no cause"


def test_the_earliest_of_several_failures_is_the_cause(cloud, program):
    cloud.stacks.scenario = Scenario(
        fails={"FailedEvents": "first in time", "GenerateUrlRole": "second"}
    )
    said = summary(failed(program.first()))
    assert "FailedEvents" in said and "first in time" in said


def test_an_update_that_fails_is_rolled_back_and_told(cloud, program, standing):
    cloud.stacks.scenario = Scenario(fails={"GenerateUrl": REASON})
    before, since = dict(standing.parameters), len(standing.events)
    told = failed(program.deploy("--parameter", "RawKeepDays=9"), "UPDATE_ROLLBACK_COMPLETE")
    assert progress(told) == happened(standing, since)
    said = summary(told)
    assert "GenerateUrl" in said and REASON in said
    assert "Resource update cancelled" not in said
    assert standing.parameters == before


def test_a_failed_update_leaves_the_list_as_it_was(cloud, program, standing):
    cloud.stacks.scenario = Scenario(fails={"GenerateUrl": REASON})
    stored = cloud.parameters["/log2aws/dev/LogPutAllowHosts"]
    failed(program.deploy("--allow-hosts", f"{HOSTS}, 192.0.2.1", "--widen"))
    assert not cloud.of("PutParameter")
    assert cloud.parameters["/log2aws/dev/LogPutAllowHosts"] == stored


def test_an_update_that_cannot_be_rolled_back_names_the_way_out(cloud, program, standing):
    cloud.stacks.scenario = Scenario(
        fails={"GenerateUrl": REASON}, cannot_roll_back="still no such zip"
    )
    told = failed(program.deploy(), "UPDATE_ROLLBACK_FAILED", "continue-update-rollback")
    assert REASON in summary(told)


def test_a_resource_of_another_stack_is_named(cloud, program):
    other = "arn:aws:cloudformation:ap-northeast-1:111122223333:stack/load-logs-dev/5a692b1f"
    reason = f"/log2aws/dev/LogPutAllowHosts already exists in stack {other}"
    cloud.stacks.scenario = Scenario(fails={"AllowHostsParameter": reason})
    failed(program.first(), "load-logs-dev", "already exists")


@pytest.mark.parametrize(
    "status, words",
    [
        ("ROLLBACK_COMPLETE", ["log2aws stack delete", "deploy"]),
        ("ROLLBACK_FAILED", ["log2aws stack delete"]),
        ("CREATE_FAILED", ["log2aws stack delete"]),
        ("DELETE_FAILED", ["log2aws stack delete"]),
        ("CREATE_IN_PROGRESS", ["log2aws stack events.*--follow"]),
        ("UPDATE_IN_PROGRESS", ["log2aws stack events.*--follow"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ["log2aws stack events.*--follow"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", ["log2aws stack events.*--follow"]),
        ("DELETE_IN_PROGRESS", ["log2aws stack events.*--follow"]),
        ("UPDATE_ROLLBACK_FAILED", ["aws cloudformation continue-update-rollback"]),
    ],
)
def test_a_stack_that_cannot_be_updated_is_explained(cloud, program, status, words):
    cloud.buckets.make(cloud.artifact_bucket())
    cloud.stacks.standing(STACK, GIVEN, status)
    failed(program.first(), STACK, status, *words)
    assert not cloud.changes()


def test_throttling_is_waited_out(cloud, program):
    for action in ["DescribeStacks", "CreateChangeSet", "DescribeStackEvents"]:
        cloud.fault(action, throttled(), times=3 if action == "CreateChangeSet" else 1)
    succeeded(program.first())
    tokens = {c.fields["ClientToken"] for c in cloud.of("CreateChangeSet")}
    names = {c.fields["ChangeSetName"] for c in cloud.of("CreateChangeSet")}
    assert len(cloud.of("CreateChangeSet")) == 4
    assert len(tokens) == len(names) == 1, "so that AWS knows a question that is asked again"
    assert len(cloud.stacks.sets) == 1


def test_an_inner_error_is_tried_again(cloud, program):
    cloud.fault("ExecuteChangeSet", internal())
    succeeded(program.first())
    assert len({c.fields["ClientRequestToken"] for c in cloud.of("ExecuteChangeSet")}) == 1


def test_a_missing_capability_is_told(cloud, program):
    said = "Requires capabilities : [CAPABILITY_NAMED_IAM]"
    cloud.fault("CreateChangeSet", Refusal("InsufficientCapabilitiesException", said))
    failed(program.first(), "CAPABILITY_NAMED_IAM")


DENIED = [
    ("GetCallerIdentity", "sts:GetCallerIdentity", "*"),
    (
        "DescribeStacks",
        "cloudformation:DescribeStacks",
        "arn:aws:cloudformation:x:1:stack/log2aws-dev/*",
    ),
    ("GetParameter", "ssm:GetParameter", "arn:aws:ssm:x:1:parameter/log2aws/dev/LogPutAllowHosts"),
    ("PutObject", "s3:PutObject", "arn:aws:s3:::cf-templates-x/log2aws/y.zip"),
    ("ListObjectVersions", "s3:ListBucketVersions", "arn:aws:s3:::analyzedlogs-x"),
    (
        "CreateChangeSet",
        "cloudformation:CreateChangeSet",
        "arn:aws:cloudformation:x:1:stack/log2aws-dev/*",
    ),
    (
        "ExecuteChangeSet",
        "cloudformation:ExecuteChangeSet",
        "arn:aws:cloudformation:x:1:stack/log2aws-dev/*",
    ),
]


@pytest.mark.parametrize("action, permission, resource", DENIED, ids=[d[1] for d in DENIED])
def test_a_missing_right_is_named_with_its_resource(cloud, program, action, permission, resource):
    # One parameter can be asked for by either call.
    asked = [action, f"{action}s"] if action == "GetParameter" else [action]
    for name in asked:
        cloud.fault(name, denied(permission, resource), times=20)
    told = failed(program.first(), permission)
    assert resource in told.all
    made = [call for call in cloud.calls if call.action in asked]
    assert len(made) == 1, "a right does not come by asking again"


@pytest.mark.parametrize(
    "action, after, bucket",
    [
        ("HeadBucket", 0, "serverlogs-dev-"),
        ("HeadBucket", 1, "analyzedlogs-dev-"),
        ("HeadBucket", 2, "cf-templates-"),
        ("HeadObject", 0, "cf-templates-"),
    ],
)
def test_a_refusal_without_a_sentence_names_what_was_asked(cloud, program, action, after, bucket):
    """S3 says nothing about why it refuses a HEAD."""
    cloud.buckets.make(cloud.artifact_bucket())
    cloud.fault(action, Refusal("AccessDenied", "", 403), after=after, times=20)
    told = failed(program.first(), "403|denied|not allowed|may not|rights|permission")
    assert bucket in told.err, told
    assert not cloud.of("ExecuteChangeSet")


def test_a_bare_403_for_a_zip_is_a_missing_right_and_no_proxy(cloud, program):
    cloud.buckets.make(cloud.artifact_bucket())
    cloud.fault("HeadObject", Refusal("AccessDenied", "", 403), times=20)
    told = failed(program.first(), "403", "s3:GetObject", cloud.artifact_bucket())
    assert "proxy" not in told.all.lower() and "not one of AWS's" not in told.all, told
    assert len(cloud.of("HeadObject")) == 1, "a right does not come by asking again"
    assert not cloud.of("PutObject") and not cloud.of("ExecuteChangeSet")


@pytest.mark.parametrize(
    "error, word", [(expired(), "expired"), (unknown_key(), "invalid|not valid|unknown")]
)
def test_credentials_that_do_not_hold_are_told(cloud, program, error, word):
    cloud.fault("GetCallerIdentity", error, times=20)
    failed(program.first(), word, "credentials|token")
    assert not cloud.changes()


def test_credentials_that_expire_on_the_way_leave_the_deploy_running(cloud, program):
    cloud.fault("DescribeStackEvents", expired(), after=4, times=1000)
    told = failed(program.first(), "expired", "aws sso login", "log2aws stack events.*--follow")
    says(told, f"the deploy of stack {STACK} goes on in AWS")
    assert not cloud.of("DeleteStack")


def test_a_change_set_that_fails_is_told_and_tidied_away(cloud, program):
    reason = "Template error: the bucket serverlogs-dev belongs to stack other"
    cloud.stacks.scenario = Scenario(change_set_fails=reason)
    told = failed(program.first())
    assert reason in told.all
    assert not cloud.stacks.sets
    assert cloud.stacks.stack(STACK) is None, "nothing is left in REVIEW_IN_PROGRESS"
    cloud.stacks.scenario = Scenario()
    succeeded(program.first())


TAKEN = "Resource of type 'AWS::S3::Bucket' with identifier 'serverlogs-dev' already exists."


def test_what_early_validation_finds_is_asked_for_and_told(cloud, program):
    """DescribeChangeSet has only the validation's name: the resource is in DescribeEvents."""
    cloud.stacks.scenario = Scenario(invalid={"RawBucket": TAKEN})
    told = failed(program.first(), r"RawBucket \(AWS::S3::Bucket\): ")
    assert TAKEN in told.all
    (asked,) = cloud.of("DescribeEvents")
    assert asked.fields["ChangeSetName"].startswith("arn:aws:cloudformation:")
    assert "To troubleshoot" not in told.all, "the operator need not ask himself"
    assert not cloud.stacks.sets and cloud.stacks.stack(STACK) is None


def test_without_the_right_to_ask_the_validation_is_named(cloud, program):
    cloud.stacks.scenario = Scenario(invalid={"RawBucket": TAKEN})
    cloud.fault("DescribeEvents", denied("cloudformation:DescribeEvents", "*"), times=20)
    failed(program.first(), "AWS::EarlyValidation::ResourceExistenceCheck")
    assert not cloud.stacks.sets and cloud.stacks.stack(STACK) is None


def profile(program, name):
    config = program.folder / "config"
    config.write_text(
        f"[profile {name}]\nregion = ap-northeast-1\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
    )
    for one in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]:
        del program.environment[one]
    program.environment["AWS_CONFIG_FILE"] = str(config)


@pytest.mark.parametrize(
    "status, command",
    [
        ("ROLLBACK_COMPLETE", "log2aws stack delete"),
        ("UPDATE_IN_PROGRESS", "log2aws stack events --follow"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
    ],
)
def test_the_suggested_command_goes_where_this_one_went(cloud, program, status, command):
    """Pasted as it is, it asks the same AWS in the same name."""
    profile(program, "ops@logs")
    cloud.stacks.standing(STACK, GIVEN, status)
    told = failed(program.first("--profile", "ops@logs"), status)
    (line,) = [text for text in told.err.splitlines() if text.strip().startswith(command)]
    given = shlex.split(line)
    for flag, value in [
        ("--profile", "ops@logs"),
        ("--endpoint-url", cloud.url),
        ("--region", cloud.region),
        ("--stack-name", STACK),
    ]:
        assert given.count(flag) == 1 and given[given.index(flag) + 1] == value, line


def test_the_suggested_delete_can_be_pasted(cloud, program):
    profile(program, "ops@logs")
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLog": REASON})
    told = failed(program.first("--profile", "ops@logs"), "ROLLBACK_COMPLETE")
    (line,) = [t for t in told.err.splitlines() if t.strip().startswith("log2aws stack delete")]
    cloud.stacks.scenario = Scenario()
    pasted = shlex.split(line)
    program.command = lambda verb, flags: [binary(), *pasted[1:]]
    succeeded(program("delete", terminal=True, answer="y\n"))
    assert cloud.stacks.stack(STACK) is None


def test_a_change_set_of_an_update_that_fails_leaves_the_stack(cloud, program, standing):
    cloud.stacks.scenario = Scenario(change_set_fails="Parameter validation failed")
    told = failed(program.deploy(), "Parameter validation failed")
    assert not cloud.stacks.sets and not cloud.of("DeleteStack"), told
    assert standing.status == "CREATE_COMPLETE"


@pytest.mark.parametrize("verb", ["deploy", "delete"])
def test_another_account_is_not_touched(cloud, program, verb):
    flags = ["--allow-hosts", HOSTS] if verb == "deploy" else []
    failed(program(verb, *flags, "--account", "999999999999"), cloud.account, "999999999999")
    assert not cloud.changes()


def test_a_reason_of_several_lines_stays_readable(cloud, program):
    reason = "Resource handler returned message:\nfirst line\n\u009b31msecond line"
    cloud.stacks.scenario = Scenario(fails={"AnalyzeLog": reason})
    told = failed(program.first(), "first line", "second line")
    assert "\u009b" not in told.all, "what AWS says does not drive the terminal"
    says(told, "ROLLBACK_COMPLETE")
