"""`stack plan`: what would be made and what it costs, with no account and no network."""

import datetime
import json
import re

import botocore.session
import pytest
from conftest import TEMPLATE, refused, succeeded
from runs import parsed

ENV = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]


@pytest.fixture
def offline(cloud, program):
    for name in ENV:
        del program.environment[name]
    yield program
    assert not cloud.calls


def test_the_plan_names_every_resource(offline):
    told = succeeded(offline("plan"))
    for name, resource in parsed(TEMPLATE)["Resources"].items():
        planned = re.search(rf"\b{name}\b.*{re.escape(resource['Type'])}", told.out)
        assert bool(planned) == ("Condition" not in resource), f"{name}: {told}"


def test_the_plan_tells_each_permission_and_the_call_that_needs_it(offline):
    told = succeeded(offline("plan"))
    with_a_key = ("EncryptPuts", "DecryptAndEncrypt", "EncryptFailedEvents")
    for sid in re.findall(r"Sid: (\w+)", TEMPLATE):
        # Statements on KMS are there with a key only.
        if sid not in with_a_key:
            assert re.search(rf"\b{sid}\b", told.out), f"{sid}: {told}"
    with_key = succeeded(
        offline(
            "plan", "--parameter", "KmsKeyArn=arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd"
        )
    )
    assert all(sid in with_key.out for sid in with_a_key)


def cost(told):
    assert "USD" in told.out, told
    return float(re.search(r"^\s*total\s+([\d.,]+)$", told.out, re.M)[1].replace(",", ""))


def test_the_plan_says_how_old_its_prices_are(offline):
    told = succeeded(offline("plan"))
    oldest, newest = re.search(r"list prices as of (\S+) to (\S+);", told.out).groups()
    assert datetime.date(2026, 9, 1) <= datetime.date.fromisoformat(oldest)
    assert oldest <= newest
    assert any(newest in note for note in json.loads(offline("plan", "--json").out)["cost"]["notes"])


def test_the_cost_grows_with_the_servers(offline):
    ten = cost(succeeded(offline("plan")))
    assert ten == cost(succeeded(offline("plan", "--servers", "10")))
    many = cost(succeeded(offline("plan", "--servers", "5000")))
    assert 0 < ten < many


def test_the_plan_begins_with_who_may_call_and_what_it_costs(offline):
    told = succeeded(offline("plan", "--allow-hosts", "203.0.113.7,web*@198.51.100.0/24"))
    head, _ = told.out.split(" resources:", 1)
    assert "203.0.113.7, web*@198.51.100.0/24" in head
    assert re.search(r"up to \d+\.\d\d USD a day \(RequestsPerSecond=50\)", head), head
    assert f"10 servers cost {cost(told):.2f} USD a month" in head
    plan = json.loads(offline("plan", "--json", "--allow-hosts", "203.0.113.7").out)
    assert plan["callers"] == ["203.0.113.7"] and 20 < plan["flood_usd_a_day"] < 40


KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd"


def section(told, head):
    """The lines below a heading, up to the next one."""
    _, rest = told.out.split(f"\n{head}", 1)
    return re.split(r"\n(?=\S)", rest, maxsplit=1)[0]


def test_the_plan_answers_a_reviewers_questions(offline):
    """From its output alone: who may call, what is kept, what it costs, what is replaced."""
    told = succeeded(offline("plan", "--allow-hosts", "203.0.113.7"))
    assert "203.0.113.7" in section(told, "who may request URLs and upload:")
    assert section(told, "what a delete keeps:").split() == [
        "serverlogs-dev-{account}-ap-northeast-1",
        "analyzedlogs-dev-{account}-ap-northeast-1",
        "/aws/lambda/log2aws-dev-generate-url",
    ]
    assert re.search(r"10 servers cost \d+\.\d\d USD", section(told, "what it costs:"))
    replaced = section(told, "what a later deploy replaces, if you change:")
    assert "- RolePath: GenerateUrlRole, AnalyzeLogRole\n" in replaced
    assert re.search(r"- Env: .*\bRawBucket\b", replaced) and "--allow-hosts" in replaced
    assert "RawKeepDays" not in replaced and "Nothing else is replaced" in replaced


def test_the_plan_prints_the_properties_that_guard_data(offline):
    told = succeeded(offline("plan", "--parameter", "RawKeepDays=400", "--parameter", f"KmsKeyArn={KEY}"))
    properties = section(told, "properties:")
    for line in [
        r"BucketEncryption\.\S*SSEAlgorithm = aws:kms",
        rf"BucketEncryption\.\S*KMSMasterKeyID = {KEY}",
        r"VersioningConfiguration\.Status = Enabled",
        r"PublicAccessBlockConfiguration\.RestrictPublicBuckets = true",
        r"LifecycleConfiguration\.Rules\[1\]\.ExpirationInDays = 400",
        r"MethodSettings\[0\]\.ThrottlingRateLimit = 50",
        r"MethodSettings\[0\]\.ThrottlingBurstLimit = 5000",
        r"SecurityPolicy = SecurityPolicy_TLS13_1_2_2021_06",
        r"AuthorizationType = NONE",
        r"RetentionInDays = 90",
        r"SqsManagedSseEnabled = false",
        rf"KmsMasterKeyId = {KEY}",
    ]:
        assert re.search(rf"^      {line}$", properties, re.M), f"{line}: {properties}"


def test_the_plan_prints_the_parameters_in_force(offline):
    told = succeeded(offline("plan", "--parameter", "RawKeepDays=400"))
    told_values = section(told, "parameters in force")
    for name in parsed(TEMPLATE)["Parameters"]:
        assert re.search(rf"^  [* ] {name} ", told_values, re.M), name
    assert re.search(r"^  \* RawKeepDays +400$", told_values, re.M)
    assert re.search(r"^    DaysBack +400$", told_values, re.M)
    assert re.search(r"^    KmsKeyArn +\(empty\)$", told_values, re.M)
    assert re.search(r"^    ArtifactBucket +\(a deploy fills it in\)$", told_values, re.M)


def test_the_plan_prints_the_deployers_rights_and_what_leaves_the_account(offline):
    topic = "arn:aws:sns:ap-northeast-1:111122223333:operators"
    told = succeeded(
        offline("plan", "--stack-name", "logs-dev", "--parameter", f"AlarmTopicArn={topic}")
    )
    rights = section(told, "rights of a deployer who is no administrator:")
    assert "cloudformation:CreateChangeSet" in rights
    assert "on arn:aws:iam::{account}:role/logs-dev-*" in rights
    assert "iam:PassedToService lambda.amazonaws.com" in rights and "111122223333" not in rights
    assert f"to {topic}: names, states" in section(told, "what leaves the account:")


def test_the_same_stands_in_the_json(offline):
    plan = json.loads(offline("plan", "--json", "--parameter", f"KmsKeyArn={KEY}").out)
    made = {resource["id"]: resource for resource in plan["resources"]}
    encryption = made["RawBucket"]["properties"]["BucketEncryption"]
    assert KEY in json.dumps(encryption) and made["RawBucket"]["replaced_by"] == ["Env"]
    given = {p["name"]: (p["value"], p["given"]) for p in plan["parameters"]}
    assert given["KmsKeyArn"] == (KEY, True) and given["DaysBack"] == ("400", False)
    assert given["ArtifactBucket"] == (None, False)
    heads = [(statement["of"], statement["id"]) for statement in plan["statements"]]
    assert len(heads) == len(set(heads)) and ("AnalyzedBucketPolicy", "TlsOnly") in heads
    assert {right["id"] for right in plan["deployer"]} >= {"Stack", "Roles"}
    assert any(KEY in way for way in plan["leaves_the_account"])


def test_the_plan_as_json(offline):
    told = succeeded(offline("plan", "--json", "--env", "stage"))
    plan = json.loads(told.out)
    said = json.dumps(plan)
    for name, resource in parsed(TEMPLATE)["Resources"].items():
        assert (f'"{name}"' in said) == ("Condition" not in resource)
    assert "serverlogs-stage-" in said


def test_the_plan_names_the_region(offline):
    assert "ap-northeast-1" in succeeded(offline("plan")).out
    told = succeeded(offline("plan", "--region", "eu-west-1"))
    assert "serverlogs-dev-{account}-eu-west-1" in told.out
    assert "{account}-ap-northeast-1" not in told.out


def test_the_partitions_are_those_of_botocore(offline):
    """In each partition that AWS's library for Python knows: the ARNs, and the domain of services."""
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    assert len(partitions) > 7
    for known in partitions:
        regions = [region for region in known["regions"] if not region.endswith("-global")]
        for region in regions if known["id"] != "aws" else regions[::8]:
            arn = f"arn:{known['id']}:kms:{region}:111122223333:key/1234abcd"
            plan = succeeded(
                offline("plan", "--region", region, "--parameter", f"KmsKeyArn={arn}", "--json")
            )
            statements = json.loads(plan.out)["statements"]
            named = [one for one in statements for one in one["resources"] if "arn:" in one]
            assert named and all(one.startswith(f"arn:{known['id']}:") for one in named), region
            via = {c for s in statements for c in s["conditions"] if "kms:ViaService" in c}
            hosts = {f"{of}.{region}.{known['outputs']['dnsSuffix']}" for of in ["s3", "sqs"]}
            assert {condition.rpartition(" ")[2] for condition in via} == hosts, region


def test_the_plan_checks_what_a_deploy_would(offline):
    refused(offline("plan", "--parameter", "RawKeepDay=400"), "RawKeepDays")
    refused(offline("plan", "--allow-hosts", "203.0.113"), r"203\.0\.113")
    refused(offline("plan", "--allow-hosts", "::ffff:10.0.0.0/104"), r"write 10\.0\.0\.0/8")


def test_a_list_that_lets_everybody_in_is_warned_of(offline):
    told = succeeded(offline("plan", "--allow-hosts", "10.0.0.0/8, 0.0.0.0/0"))
    assert "warning: the allow-list covers 0.0.0.0/0: everybody" in told.err
    assert "warning" not in succeeded(offline("plan", "--allow-hosts", "10.0.0.0/8")).err


def test_parameters_that_cannot_work_are_warned_of(offline):
    told = succeeded(
        offline(
            "plan", "--allow-hosts", "203.0.113.7, 2001:db8::/32", "--parameter", "IpAddressType=ipv4"
        )
    )
    assert "warning: the allow-list holds IPv6" in told.err
    # Without a word on it the API listens on IPv6.
    assert not succeeded(offline("plan", "--allow-hosts", "203.0.113.7, 2001:db8::/32")).err
    told = succeeded(offline("plan", "--parameter", "DomainName=logs.example.com"))
    assert "warning: DomainName and CertificateArn belong together" in told.err


def test_a_reader_that_has_seen_enough_is_no_failure(program):
    running = program.start("plan")
    running.process.stdout.close()
    running.process.wait(timeout=60)
    assert (running.process.returncode, running.end().err) == (0, "")


@pytest.mark.parametrize("region", ["ap-northeast-1", "us-gov-west-1"])
def test_the_plan_prints_the_policy_that_a_key_needs(offline, region):
    """CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS KMS": the service
    `logs.region.amazonaws.com`, limited by the encryption context to the group's ARN. SNS Developer
    Guide: "CloudWatch alarms" need kms:GenerateDataKey* and kms:Decrypt in the key's policy."""
    aws = "aws-us-gov" if "gov" in region else "aws"
    given = ["--region", region, "--env", "dev"]
    key = f"KmsKeyArn=arn:{aws}:kms:{region}:111122223333:key/1234abcd"
    topic = f"AlarmTopicArn=arn:{aws}:sns:{region}:111122223333:ops"
    plain = json.loads(succeeded(offline("plan", *given, "--json")).out)
    assert "key_policy" not in plain
    with_key = ["plan", *given, "--parameter", key]
    policy = json.loads(succeeded(offline(*with_key, "--json")).out)["key_policy"]
    root, logs = policy["Statement"]
    assert root["Principal"] == {"AWS": f"arn:{aws}:iam::111122223333:root"}
    assert logs["Principal"] == {"Service": f"logs.{region}.amazonaws.com"}
    group = f"arn:{aws}:logs:{region}:111122223333:log-group:/aws/lambda/log2aws-dev-"
    assert logs["Condition"] == {
        "ArnEquals": {
            "kms:EncryptionContext:aws:logs:arn": [group + "generate-url", group + "analyze-log"]
        }
    }
    told = succeeded(offline(*with_key, "--parameter", topic)).out
    _, _, tail = told.partition("the policy that the key of KmsKeyArn needs")
    text = tail[tail.index("{") : tail.index("\n}\n") + 2]
    *_, alarms = json.loads(text)["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(alarms["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    of = alarms["Condition"]["ArnLike"]["aws:SourceArn"]
    assert of == f"arn:{aws}:cloudwatch:{region}:111122223333:alarm:log2aws-dev-*"
