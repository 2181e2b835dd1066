"""What the template makes, in which order and under which names."""

import hashlib
import json
import re

import calls
import pytest
from cloudformation import (
    ROOT,
    TEMPLATE,
    Refused,
    Stack,
    circle,
    load,
    references,
    waits_for,
)

RAW = load()
GRAPH = references(RAW)
PLAIN = calls.World(kms=False, address=True, prefix=False)


def stack(region="ap-northeast-1", **parameters):
    return Stack(RAW, PLAIN.parameters() | parameters, region=region)


# ---- order ---------------------------------------------------------------------------------------


def test_nothing_waits_for_itself():
    assert circle(GRAPH) is None
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


@pytest.mark.parametrize(
    "later, earlier",
    [
        # S3 tries the event when the bucket is made.
        ("RawBucket", "AnalyzeLogPermission"),
        # No event before it can fail safely, and its function can log and send.
        ("RawBucket", "AnalyzeLogFailures"),
        ("AnalyzeLogFailures", "AnalyzeLogRole"),
        ("AnalyzeLog", "AnalyzeLogLog"),
        ("GenerateUrl", "GenerateUrlLog"),
        # Settings name buckets that are there.
        ("RawBucketParameter", "RawBucket"),
        ("AnalyzedBucketParameter", "AnalyzedBucket"),
    ],
)
def test_what_has_to_be_there_first_is(later, earlier):
    assert earlier in waits_for(GRAPH, later)


def test_no_policy_and_no_function_waits_for_a_bucket():
    buckets = {"RawBucket", "AnalyzedBucket"}
    for name, resource in RAW["Resources"].items():
        if resource["Type"] in ("AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Lambda::Permission"):
            assert not waits_for(GRAPH, name) & buckets, name


# ---- the API -------------------------------------------------------------------------------------


def deployment():
    (name,) = stack().of_type("AWS::ApiGateway::Deployment")
    return name


def test_a_changed_api_is_deployed_anew():
    """API Gateway serves a deployment, not the API; a new one takes a new logical ID."""
    kinds = ("RestApi", "Resource", "Method", "GatewayResponse")
    api = {
        name: resource
        for name, resource in RAW["Resources"].items()
        if resource["Type"] in [f"AWS::ApiGateway::{kind}" for kind in kinds]
    }
    pictured = hashlib.sha256(json.dumps(api, sort_keys=True).encode()).hexdigest()[:8]
    wanted = f"ApiDeployment{pictured}"
    assert deployment() == wanted, f"the API has changed: in {TEMPLATE.name}, write {wanted}"


def test_a_deployment_pictures_the_whole_api():
    seen = {
        name
        for name, resource in RAW["Resources"].items()
        if resource["Type"] in ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")
    }
    assert len(seen) == 7 and seen <= waits_for(GRAPH, deployment())
    assert deployment() in waits_for(GRAPH, "ApiStage")


def test_the_gateway_speaks_as_the_service_does():
    """Its refusals are those of log2aws_service::http, word for word."""
    problems = (ROOT / "crates/log2aws-service/src/http/problem.rs").read_text()
    for name, code, status, title in [
        ("ApiNotAllowed", "not-allowed", 403, "Forbidden"),
        ("ApiNoSuchPath", "not-found", 404, "Not Found"),
    ]:
        row = re.search(rf'StatusCode::(\w+),\s+"{code}",\s+"([^"]+)"', problems)
        assert row, f"problem.rs has no row {code}"
        properties = stack().resources[name]["Properties"]
        assert words(properties) == (row[2], code, status, title)
        assert row[1].replace("_", " ").title() == title


def words(properties):
    """What a caller is told, the same in both forms: its words, code, status and title."""
    templates = properties["ResponseTemplates"]
    told = json.loads(templates["application/json"])
    assert set(told) == {"type", "title", "status", "detail", "code"}
    assert templates["text/plain"] == told["detail"]
    assert properties["StatusCode"] == str(told["status"])
    return told["detail"], told["code"], told["status"], told["title"]


# AGDG, "Gateway response types for API Gateway": each type with its default status code. "If the
# response type is unspecified, this response defaults to the DEFAULT_4XX type", or _5XX.
GATEWAY_ANSWERS = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_PARAMETERS": 400,
    "BAD_REQUEST_BODY": 400,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}


@pytest.mark.parametrize("kind, status", GATEWAY_ANSWERS.items())
def test_every_answer_of_the_gateway_itself_says_whether_to_come_again(kind, status):
    made = {
        resource["Properties"]["ResponseType"]: resource["Properties"]
        for resource in stack().of_type("AWS::ApiGateway::GatewayResponse").values()
    }
    answer = made.get(kind) or made[f"DEFAULT_{status // 100}XX"]
    # API reference, PutGatewayResponse: without a status the default one stays.
    status = int(answer.get("StatusCode", status))
    headers = dict(answer["ResponseParameters"])
    again = headers.pop("gatewayresponse.header.Retry-After", None)
    # What curl --retry takes for a passing failure (its manual): 408, 429, 500, 502, 503, 504.
    comes_again = kind == "THROTTLED" or status >= 500
    assert (again is not None) == comes_again
    assert not comes_again or status in (429, 503, 504) and re.fullmatch(r"'\d+'", again)
    # AGDG, "Parameter mapping source reference for REST APIs": `context.name` of a supported variable.
    source = headers.pop("gatewayresponse.header.Log2aws-Source", None)
    assert source == ("context.identity.sourceIp" if kind == "ACCESS_DENIED" else None)
    bucket = stack().resources["RawBucket"]["Properties"]["BucketName"]
    region = re.fullmatch(r"serverlogs-dev-\d{12}-(.+)", bucket)[1]
    assert headers.pop("gatewayresponse.header.Log2aws-Store") == f"'{bucket}/{region}'"
    # A value in single quotes is a text; without them it would be an expression.
    assert headers == {"gatewayresponse.header.Cache-Control": "'no-store'"}
    if comes_again:
        told, _, said, _ = words(answer)
        assert told.endswith("; ask again later") and said == status
        assert "from this address" not in told, "the throttle is for all callers"


def test_get_and_post_of_the_root_reach_the_function():
    methods = stack().of_type("AWS::ApiGateway::Method").values()
    assert sorted(m["Properties"]["HttpMethod"] for m in methods) == ["GET", "POST"]
    for method in methods:
        integration = method["Properties"]["Integration"]
        assert (integration["Type"], integration["IntegrationHttpMethod"]) == ("AWS_PROXY", "POST")
        assert "function:log2aws-dev-generate-url/invocations" in integration["Uri"]


def test_the_api_takes_no_tls_older_than_1_2():
    """AGDG, "Security policies for REST APIs in API Gateway": "When you use an enhanced security
    policy, you must also set the endpoint access mode". The name says the oldest version: 1.2."""
    api = stack().resources["Api"]["Properties"]
    assert api["SecurityPolicy"] == "SecurityPolicy_TLS13_1_2_2021_06"
    assert api["EndpointAccessMode"] == "BASIC"


def test_the_stage_throttles_and_traces_no_answer():
    stage = stack(RequestsPerSecond=7, RequestsBurst=9).resources["ApiStage"]["Properties"]
    (settings,) = stage["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == ("7", "9")
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["DataTraceEnabled"] is False and "LoggingLevel" not in settings


@pytest.mark.parametrize("kind", ["ipv4", "dualstack"])
def test_api_and_urls_have_the_same_address_types(kind):
    """S3UG, "Using Amazon S3 dual-stack endpoints": another host, s3.dualstack; the function's tests."""
    made = stack(IpAddressType=kind, DomainName="logs.example.com", CertificateArn=CERTIFICATE)
    for name in ["Api", "ApiDomain"]:
        endpoint = made.resources[name]["Properties"]["EndpointConfiguration"]
        assert endpoint == {"Types": ["REGIONAL"], "IpAddressType": kind}
    environment = made.resources["GenerateUrl"]["Properties"]["Environment"]["Variables"]
    assert environment["LOG2AWS_IP_ADDRESS_TYPE"] == kind


CERTIFICATE = "arn:aws:acm:ap-northeast-1:111122223333:certificate/1234abcd"


def test_a_domain_name_of_ones_own_leads_to_the_stage():
    assert "ApiDomain" not in stack().resources and "DomainNameTarget" not in stack().outputs
    made = stack(DomainName="logs.example.com", CertificateArn=CERTIFICATE)
    domain, mapping = (made.resources[n]["Properties"] for n in ("ApiDomain", "ApiDomainMapping"))
    assert (domain["DomainName"], domain["RegionalCertificateArn"]) == ("logs.example.com", CERTIFICATE)
    assert domain["SecurityPolicy"] == made.resources["Api"]["Properties"]["SecurityPolicy"]
    assert mapping == {"DomainName": "logs.example.com", "RestApiId": "made-up-api", "Stage": "dev"}
    assert made.outputs["GenerateSignedUrl"]["Value"] == "https://logs.example.com/"
    assert made.outputs["DomainNameTarget"]["Value"].endswith(".amazonaws.com")


@pytest.mark.parametrize(
    "region, name, suffix",
    [
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
        ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
    ],
)
def test_every_partition_has_its_own_arns_and_its_own_domain(region, name, suffix):
    made = stack(region=region, KmsKeyArn=f"arn:{name}:kms:{region}:111122223333:key/1234abcd")
    told = json.dumps(made.resources)
    assert set(re.findall(r"arn:(aws[a-z-]*):", told)) == {name}
    url = made.outputs["GenerateSignedUrl"]["Value"]
    assert url == f"https://made-up-api.execute-api.{region}.{suffix}/dev/"
    for function in made.of_type("AWS::Lambda::Function").values():
        variables = function["Properties"]["Environment"]["Variables"]
        assert variables["LOG2AWS_URL_SUFFIX"] == suffix
    # What is left of the usual domain are the names of service principals, the same everywhere.
    hosts = set(re.findall(r"[a-z0-9.-]+[.]amazonaws[.]com(?![.]cn)", told))
    services = {"lambda.amazonaws.com", "apigateway.amazonaws.com", "s3.amazonaws.com"}
    assert suffix == "amazonaws.com" or hosts <= services


def test_outputs_say_where_to_ask():
    outputs = stack().outputs
    url = outputs["GenerateSignedUrl"]
    assert url["Value"] == "https://made-up-api.execute-api.ap-northeast-1.amazonaws.com/dev/"
    assert url["Export"]["Name"] == "log2aws-dev-GenerateSignedUrl"


# ---- names ---------------------------------------------------------------------------------------

NAMED = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SSM::Parameter": "Name",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::ApiGateway::RestApi": "Name",
}


def names(of):
    found = {
        (kind, resource["Properties"][key])
        for kind, key in NAMED.items()
        for resource in of.of_type(kind).values()
    }
    exports = {("export", out["Export"]["Name"]) for out in of.outputs.values() if "Export" in out}
    return found | exports


def test_names_are_those_of_the_design():
    ending = "dev-111122223333-ap-northeast-1"
    parameters = ["LogPutAllowHosts", "ServerlogBucketName", "AnalyzedlogBucketName"]
    assert names(stack()) >= {
        ("AWS::S3::Bucket", f"serverlogs-{ending}"),
        ("AWS::S3::Bucket", f"analyzedlogs-{ending}"),
        ("AWS::Lambda::Function", "log2aws-dev-generate-url"),
        ("AWS::Lambda::Function", "log2aws-dev-analyze-log"),
        *(("AWS::SSM::Parameter", f"/log2aws/dev/{name}") for name in parameters),
    }
    settings = [r["Properties"] for r in stack().of_type("AWS::SSM::Parameter").values()]
    values = {setting["Name"]: setting["Value"] for setting in settings}
    assert values["/log2aws/dev/ServerlogBucketName"] == f"serverlogs-{ending}"
    assert values["/log2aws/dev/AnalyzedlogBucketName"] == f"analyzedlogs-{ending}"
    assert values["/log2aws/dev/LogPutAllowHosts"] == PLAIN.parameters()["LogPutAllowHosts"]


def test_two_environments_and_two_regions_stand_side_by_side():
    assert not names(stack()) & names(stack(Env="prod"))
    here, there = names(stack()), names(stack(region="us-east-1"))
    # Only bucket names are shared by all regions.
    assert not {n for n in here if n[0] == "AWS::S3::Bucket"} & there
    # A role's name would be shared by all regions, and need CAPABILITY_NAMED_IAM.
    for role in stack().of_type("AWS::IAM::Role").values():
        assert "RoleName" not in role["Properties"]


def test_the_longest_environment_fits():
    longest = stack(Env="a" * 20, region="ap-southeast-1")
    for kind, name in names(longest):
        most = {"AWS::S3::Bucket": 63, "AWS::Lambda::Function": 64, "AWS::SQS::Queue": 80}.get(kind, 255)
        assert len(name) <= most, name


def test_every_name_has_a_type_that_is_looked_at():
    keys = set(NAMED.values()) | {"RoleName", "ManagedPolicyName", "TopicName"}
    for name, resource in stack().resources.items():
        given = keys & set(resource["Properties"])
        kind = resource["Type"]
        if kind in ("AWS::Lambda::Permission", "AWS::Lambda::EventInvokeConfig"):
            continue
        assert given == ({NAMED[kind]} if kind in NAMED else set()), f"{name}: {given}"


# ---- buckets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["RawBucket", "AnalyzedBucket"])
def test_buckets_are_private_encrypted_versioned_and_kept(name):
    bucket = stack().resources[name]
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"
    properties = bucket["Properties"]
    block = properties["PublicAccessBlockConfiguration"]
    assert len(block) == 4 and all(value is True for value in block.values())
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert encryption(stack(), name) == ("AES256", None, False)
    assert encryption(stack(KmsKeyArn=calls.KEY), name) == ("aws:kms", calls.KEY, True)
    policies = stack().of_type("AWS::S3::BucketPolicy").values()
    assert properties["BucketName"] in [policy["Properties"]["Bucket"] for policy in policies]


def encryption(of, name):
    (rule,) = of.resources[name]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"]
    return default["SSEAlgorithm"], default.get("KMSMasterKeyID"), rule["BucketKeyEnabled"]


@pytest.mark.parametrize(
    "name, days", [("RawBucket", "RawKeepDays"), ("AnalyzedBucket", "AnalyzedKeepDays")]
)
def test_lifecycles_expire_and_never_transition(name, days):
    def rules(**parameters):
        return stack(**parameters).resources[name]["Properties"]["LifecycleConfiguration"]["Rules"]

    check, tidy = rules(NoncurrentKeepDays=12, AbortUploadDays=3)
    # Only what `stack check` delivers goes, whatever is kept.
    assert check["Prefix"] == "log2aws-check/" and check["ExpirationInDays"] == 1
    assert tidy["NoncurrentVersionExpiration"] == {"NoncurrentDays": "12"}
    *_, shorter = rules(NoncurrentKeepDays=12, RawKeepDays=400, AnalyzedKeepDays=400)
    assert shorter["NoncurrentVersionExpiration"] == {"NoncurrentDays": "12"}
    assert tidy["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": "3"}
    # Else a removed result would leave its marker for ever.
    assert tidy["ExpiredObjectDeleteMarker"] is True
    other = {"RawKeepDays": 5, "AnalyzedKeepDays": 5} | {days: 400}
    _, expire, _ = rules(**other)
    assert expire["ExpirationInDays"] == "400"
    for rule in rules(**other):
        assert rule["Status"] == "Enabled" and not any("Transition" in key for key in rule)
        # S3 refuses the two in one rule.
        assert not {"ExpirationInDays", "ExpiredObjectDeleteMarker"} <= set(rule)


def test_an_older_version_of_a_log_is_kept_as_long_as_logs_are():
    """It can be the only true copy of a day."""

    def kept(name, **parameters):
        properties = stack(**parameters).resources[name]["Properties"]
        *_, tidy = properties["LifecycleConfiguration"]["Rules"]
        return tidy.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")

    assert kept("RawBucket") is None, "logs are kept, and so are their versions"
    assert kept("RawBucket", RawKeepDays=400) == "400"
    # Results can be made again.
    assert kept("AnalyzedBucket") == kept("AnalyzedBucket", RawKeepDays=400) == 90


def test_only_new_logs_are_events():
    notification = stack().resources["RawBucket"]["Properties"]["NotificationConfiguration"]
    (event,) = notification["LambdaConfigurations"]
    assert event["Event"] == "s3:ObjectCreated:*"
    assert event["Filter"] == {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".log"}]}}
    assert event["Function"].endswith(":function:log2aws-dev-analyze-log")
    # Results that were events would be analyzed without end.
    assert "NotificationConfiguration" not in stack().resources["AnalyzedBucket"]["Properties"]


def test_the_longest_allow_list_fits_into_a_bucket_policy():
    """A parameter of CloudFormation holds 4,096 bytes, a bucket policy 20 KB."""
    networks = ",".join(f"10.0.{i // 256}.{i % 256}/32" for i in range(350))
    networks = networks[:4096].rsplit(",", 1)[0]
    longest = stack(Env="a" * 20, LogPutAllowNetworks=networks)
    policy = longest.resources["RawBucketPolicy"]["Properties"]["PolicyDocument"]
    assert len(networks) > 4000 and len(json.dumps(policy)) < 20 * 1024
    # AGDG, quotas for configuring and running a REST API: 8,192 bytes.
    policy = longest.resources["Api"]["Properties"]["Policy"]
    assert len(json.dumps(policy)) < 8192


# ---- functions, events, alarms -------------------------------------------------------------------


def test_functions_run_what_was_built():
    days = {"DaysBack": 30, "DaysAhead": 2, "FinalAfterDays": 9}
    made = stack(
        Architecture="arm64", KeyPrefix="spread", Charts="png", RequireKeys="true", **days
    )
    for name, key in [("GenerateUrl", "GenerateUrlKey"), ("AnalyzeLog", "AnalyzeLogKey")]:
        properties = made.resources[name]["Properties"]
        assert (properties["Runtime"], properties["Handler"]) == ("provided.al2023", "bootstrap")
        assert properties["Architectures"] == ["arm64"]
        given = PLAIN.parameters()
        assert properties["Code"] == {"S3Bucket": given["ArtifactBucket"], "S3Key": given[key]}
        environment = properties["Environment"]["Variables"]
        more = {"LOG2AWS_CHARTS": "png"}
        if name == "GenerateUrl":
            more = {
                "LOG2AWS_IP_ADDRESS_TYPE": "ipv4",
                "LOG2AWS_DAYS_BACK": "30",
                "LOG2AWS_DAYS_AHEAD": "2",
                "LOG2AWS_FINAL_AFTER_DAYS": "9",
                "LOG2AWS_REQUIRE_KEYS": "true",
            }
        more["LOG2AWS_URL_SUFFIX"] = "amazonaws.com"
        assert environment == {"LOG2AWS_ENV": "dev", "LOG2AWS_KEY_PREFIX": "spread", **more}
        # A new account may have a limit of 10, all of which must stay unreserved.
        assert "ReservedConcurrentExecutions" not in properties
        group = properties["LoggingConfig"]["LogGroup"]
        assert group == f"/aws/lambda/{properties['FunctionName']}"
    for group in stack(LogKeepDays=7).of_type("AWS::Logs::LogGroup").values():
        assert group["Properties"]["RetentionInDays"] == "7"


def test_concurrency_is_reserved_where_the_account_has_enough():
    made = stack(GenerateUrlConcurrency=20, AnalyzeLogConcurrency=50).resources
    assert made["GenerateUrl"]["Properties"]["ReservedConcurrentExecutions"] == "20"
    assert made["AnalyzeLog"]["Properties"]["ReservedConcurrentExecutions"] == "50"


def test_an_event_that_fails_is_kept_for_two_weeks():
    made = stack()
    queue = made.resources["FailedEvents"]["Properties"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600 and queue["SqsManagedSseEnabled"] is True
    config = made.resources["AnalyzeLogFailures"]["Properties"]
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == made.attribute("FailedEvents", "Arn")
    assert config["FunctionName"] == "log2aws-dev-analyze-log"
    # What S3's events invoke; the longest and the most that Lambda tries.
    assert config["Qualifier"] == "$LATEST"
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 6 * 3600)


# CloudFormation names it: the stack, the resource, and letters of its choice.
QUEUE = "log2aws-dev-FailedEvents-1A2B3C4D5E6F"


def test_no_log_in_a_day_is_an_alarm_and_so_is_an_event_that_will_expire():
    alarms = stack().of_type("AWS::CloudWatch::Alarm")
    silence = alarms["NoLogsAlarm"]["Properties"]
    assert (silence["MetricName"], silence["Statistic"]) == ("Deliveries", "Sum")
    assert (silence["Period"], silence["EvaluationPeriods"]) == (86_400, 1)
    assert (silence["ComparisonOperator"], silence["Threshold"]) == ("LessThanThreshold", 1)
    # A metric that nobody sends is no news, and that is the alarm.
    assert silence["TreatMissingData"] == "breaching"
    age = alarms["FailedEventsAgeAlarm"]["Properties"]
    kept = stack().resources["FailedEvents"]["Properties"]["MessageRetentionPeriod"]
    assert 2 * 86_400 <= kept - age["Threshold"] < kept


def test_the_record_of_urls_outlives_the_stack_and_the_queue_has_no_name_of_its_own():
    written = load()["Resources"]
    record = written["GenerateUrlLog"]
    assert record["DeletionPolicy"] == "RetainExceptOnCreate"
    assert record["UpdateReplacePolicy"] == "Retain"
    queue = written["FailedEvents"]
    # SQS: "You must wait 60 seconds after deleting a queue before you can create another queue with
    # the same name" (API reference, DeleteQueue).
    assert "QueueName" not in queue["Properties"] and queue["UpdateReplacePolicy"] == "Retain"


def test_alarms_watch_what_there_is_and_tell_who_wants_to_know():
    topic = "arn:aws:sns:ap-northeast-1:111122223333:operators"
    alarms = stack(AlarmTopicArn=topic).of_type("AWS::CloudWatch::Alarm")
    watched = {
        (a["Properties"]["Namespace"], a["Properties"]["MetricName"], d["Name"], d["Value"])
        for a in alarms.values()
        for d in a["Properties"]["Dimensions"]
    }
    assert watched == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", QUEUE),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", QUEUE),
        ("log2aws", "Deliveries", "environment", "dev"),
        ("AWS/Lambda", "DestinationDeliveryFailures", "FunctionName", "log2aws-dev-analyze-log"),
        ("AWS/Lambda", "Errors", "FunctionName", "log2aws-dev-analyze-log"),
        ("AWS/Lambda", "Throttles", "FunctionName", "log2aws-dev-analyze-log"),
        ("AWS/Lambda", "Throttles", "FunctionName", "log2aws-dev-generate-url"),
        ("log2aws", "Refusals", "environment", "dev"),
        ("log2aws", "DaysReplaced", "environment", "dev"),
        ("AWS/ApiGateway", "4XXError", "ApiName", "log2aws-dev"),
        ("AWS/ApiGateway", "4XXError", "Stage", "dev"),
        ("AWS/ApiGateway", "5XXError", "ApiName", "log2aws-dev"),
        ("AWS/ApiGateway", "5XXError", "Stage", "dev"),
    }
    for name, alarm in alarms.items():
        properties = alarm["Properties"]
        assert properties["AlarmActions"] == properties["OKActions"] == [topic]
        if name in ("NoLogsAlarm", "FailedEventsAgeAlarm"):
            continue
        assert properties["ComparisonOperator"] == "GreaterThanThreshold"
        assert float(properties["Threshold"]) == 0
        # A queue's length is a level, the others count; no news of either is good news.
        level = properties["Namespace"] == "AWS/SQS"
        assert properties["Statistic"] == ("Maximum" if level else "Sum")
        assert properties["TreatMissingData"] == "notBreaching"
        silent = stack().resources[name]["Properties"]
        assert "AlarmActions" not in silent and "OKActions" not in silent


def test_a_fleet_with_scanners_around_it_may_raise_the_threshold():
    alarm = stack(RejectedRequestsThreshold=20).resources["RejectedRequestsAlarm"]["Properties"]
    assert alarm["Threshold"] == "20"


# ---- the file ------------------------------------------------------------------------------------


def test_every_statement_says_why_it_is_there():
    lines = TEMPLATE.read_text().splitlines()
    sids = [i for i, line in enumerate(lines) if re.match(r"\s*- Sid:|\s*Sid:", line)]
    effects = [line for line in lines if re.match(r"\s*Effect:", line)]
    assert len(sids) == len(effects) > 10, "every statement has a Sid"
    permissions = [i for i, line in enumerate(lines) if "Type: AWS::Lambda::Permission" in line]
    assert len(permissions) == 2
    for at in sids + [i - 1 for i in permissions]:
        above = at - 1
        # The head of an !If stands between a statement and its comment.
        while re.fullmatch(r"\s*- !If|\s*- (HasKmsKey|HasFinalDays)", lines[above]):
            above -= 1
        assert lines[above].strip().startswith("# "), f"line {at + 1} has no comment: {lines[at]}"


def test_it_is_plain_and_fits_into_a_request():
    text = TEMPLATE.read_text()
    assert "Transform" not in RAW
    # CreateChangeSet takes a TemplateBody of 51,200 bytes.
    assert len(text.encode()) <= 51_200
    assert max(map(len, text.splitlines())) <= 200


@pytest.mark.parametrize(
    "parameter, good, bad",
    [
        ("Env", ["dev", "a", "eu-1", "a" * 20], ["", "Dev", "-a", "a-", "a_b", "a" * 21]),
        (
            "LogPutAllowHosts",
            ["203.0.113.7", "web*@10.0.0.0/8, db?1@2001:db8::/32"],
            ["", "a;b", "1.2.3.4\n", "x" * 4097, "${x}"],
        ),
        (
            "LogPutAllowNetworks",
            ["203.0.113.7", "203.0.113.7, 10.0.0.0/8,2001:db8::/32"],
            ["", "web@10.0.0.0/8", "203.0.113.7,", "any", "10.0.0.0/"],
        ),
        ("IpAddressType", ["ipv4", "dualstack"], ["ipv6", ""]),
        ("DomainName", ["", "logs.example.com"], ["example", "Logs.example.com", "https://logs.example.com"]),
        (
            "CertificateArn",
            ["", "arn:aws:acm:ap-northeast-1:111122223333:certificate/1234abcd-12ab"],
            ["1234abcd", "arn:aws:iam::111122223333:server-certificate/logs"],
        ),
        ("RequireKeys", ["false", "true"], ["yes", ""]),
        ("KeyPrefix", ["off", "spread"], ["false", ""]),
        ("Charts", ["svg", "png", "svg,png"], ["", "none", "png,svg"]),
        ("KmsKeyArn", ["", calls.KEY], ["alias/logs", calls.KEY.replace(":key/", ":alias/")]),
        ("Architecture", ["x86_64", "arm64"], ["amd64"]),
        ("RawKeepDays", ["0", "400"], ["-1", "x"]),
        ("NoncurrentKeepDays", ["0", "1"], ["-1"]),
        ("VpcEndpointIds", ["", "vpce-0a1b", "vpce-0a,vpce-0b"], ["*", "vpc-0a", "vpce-*", "vpce-0a*"]),
        ("DaysBack", ["0", "400"], ["-1", "x"]),
        ("FinalAfterDays", ["0", "7"], ["-1", "never"]),
        ("AnalyzeLogConcurrency", ["0", "50"], ["-1"]),
        ("RequestsPerSecond", ["1"], ["0"]),
        ("RequestsBurst", ["1"], ["0"]),
        ("RejectedRequestsThreshold", ["0", "20"], ["-1"]),
        ("LogKeepDays", ["14"], ["15"]),
        ("AlarmTopicArn", [""], ["operators@example.com"]),
    ],
)
def test_parameters_are_refused_before_anything_is_made(parameter, good, bad):
    for value in good:
        stack(**{parameter: value})
    for value in bad:
        with pytest.raises(Refused):
            stack(**{parameter: value})


@pytest.mark.parametrize(
    "parameter",
    ["LogPutAllowHosts", "LogPutAllowNetworks", "ArtifactBucket", "GenerateUrlKey", "AnalyzeLogKey"],
)
def test_what_nobody_can_guess_has_no_default(parameter):
    given = PLAIN.parameters()
    del given[parameter]
    with pytest.raises(Refused):
        Stack(RAW, given)


@pytest.mark.parametrize("key", [None, calls.KEY])
def test_the_key_encrypts_log_groups_and_queue_as_well(key):
    """CloudFormation, AWS::SQS::Queue: "Only one server-side encryption option is supported per
    queue"; without SqsManagedSseEnabled the queue has SQS's own."""
    made = stack(KmsKeyArn=key) if key else stack()
    groups = made.of_type("AWS::Logs::LogGroup").values()
    assert [group["Properties"].get("KmsKeyId") for group in groups] == [key, key]
    (queue,) = made.of_type("AWS::SQS::Queue").values()
    assert queue["Properties"].get("KmsMasterKeyId") == key
    assert queue["Properties"]["SqsManagedSseEnabled"] is (key is None)
