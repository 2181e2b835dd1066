"""The policies of the template, and the table of calls, against what the compiled functions call.

Each request of theirs was written down on its way to the stand-ins (recorder.py), together with the
PUTs by the URLs that generate-url signs; rights.py says what AWS would ask of it. The buckets are
moto's: both keep versions, as the template's do, and nobody but analyze-log writes results. It
judges by no policy, so every call goes through and is seen.

What cannot be recorded: that S3 asks KMS, and that Lambda writes logs and keeps failed events in a
function's name. calls.py names these by AWS's documents.
"""

import json

import calls
import iam
import pytest
import rights
from cloud import ANALYZED, FUNCTIONS, RAW, Cloud
from cloudformation import Stack, load
from scenes import DAY, LOG, arrived, ask, claims, given_url, put, result, results, signed, wide

TEMPLATE = load()
# The functions ran without a key prefix.
WORLDS = [pytest.param(w, id=str(w)) for w in calls.WORLDS if not w.prefix]
# The services that the functions call themselves. The others of their roles AWS calls for them.
OWN, AWS = {"s3", "ssm"}, {"kms", "logs", "sqs"}
TOKEN = "X-Amz-Security-Token"


@pytest.fixture(scope="module")
def amazon(tmp_path_factory, recorder):
    # As Lambda gives them: with a session token.
    keys = {name: (f"{name}-id", f"{name}-secret", f"{name}+/token=") for name in FUNCTIONS}
    cloud = Cloud(
        tmp_path_factory.mktemp("amazon"), None, keys, ("operator",) * 2, recorder.door
    )
    stack = Stack(TEMPLATE, calls.WORLDS[0].parameters())
    try:
        cloud.begin()
        for made, name in [("RawBucket", RAW), ("AnalyzedBucket", ANALYZED)]:
            versions = stack.property(made, "VersioningConfiguration")
            cloud.s3().create_bucket(Bucket=name)
            cloud.s3().put_bucket_versioning(Bucket=name, VersioningConfiguration=versions)
        cloud.keys_of_servers("list", "--init")
        cloud.keys_of_servers("register", "enrols", "--code")
        yield cloud
    finally:
        cloud.stop()


def deliver(cloud, server, log):
    """Puts a log: S3's event for it."""
    given = given_url(cloud, server)
    version = put(given, log)
    assert version, "the raw bucket keeps no versions"
    return lambda source="127.0.0.1": arrived(given["key"], version, source)


def analyzed(cloud, event):
    assert cloud.invoke("analyze-log", event) == (200, None), cloud.trouble()


def stand(cloud, server, *endings):
    assert results(cloud, server) == {f"{server}/{DAY}.{ending}" for ending in endings}


@pytest.fixture(scope="module")
def played(amazon, recorder):
    """Everything that the functions can come to do while no day is final: their requests."""
    # Rejects come and go with the next version; a refusal is named, and changes nothing else.
    stray = b"this is no sample line\n"
    analyzed(amazon, deliver(amazon, "played", LOG + stray)())
    stand(amazon, "played", "csv", "json", "png", "rejects.jsonl", "svg")
    analyzed(amazon, deliver(amazon, "played", LOG)())
    stand(amazon, "played", "csv", "json", "png", "svg")
    analyzed(amazon, deliver(amazon, "played", LOG + stray)())
    stand(amazon, "played", "csv", "json", "png", "rejects.jsonl", "svg")
    for _ in range(2):
        analyzed(amazon, deliver(amazon, "played", LOG)(source="198.51.100.1"))
    stand(amazon, "played", "csv", "json", "png", "refused.jsonl", "rejects.jsonl", "svg")

    analyzed(amazon, arrived(f"absent/{DAY}.log"))

    # A server that enrols puts its public key.
    given = given_url(amazon, "enrols", enrol="1", **claims(b"a key"))
    assert given["key"] == ".log2aws/enrol/enrols"
    put(given, b"a key")

    # What is larger than a part goes in parts, which are taken back if one of them fails.
    for server, log, ending in [
        ("wide", wide()[0], "csv"),
        ("strayed", (b"x" * 1_024 + b"\n") * 10_000, "rejects.jsonl"),
    ]:
        event = deliver(amazon, server, log)
        with recorder.refusing(lambda method, path, query: "partNumber" in query):
            _, answer = amazon.invoke("analyze-log", event())
        assert f"writing {ANALYZED}/{server}/{DAY}.{ending}" in answer["errorMessage"], answer
        stand(amazon, server)
        assert "Uploads" not in amazon.s3().list_multipart_uploads(Bucket=ANALYZED)
        analyzed(amazon, event())
        assert len(result(amazon, server, ending)) > 8 << 20
    return list(recorder.requests)


@pytest.fixture(scope="module")
def played_final(amazon, recorder, played):
    """The same, and what generate-url does once days are final."""
    begin = len(recorder.requests)
    amazon.running["generate-url"].stop()
    amazon.start_function("generate-url", LOG2AWS_FINAL_AFTER_DAYS="7")
    # The first delivery of a day that is long past: there is no summary yet.
    analyzed(amazon, deliver(amazon, "final", LOG)())
    summary = json.loads(result(amazon, "final", "json"))
    given_url(amazon, "final", **claims(LOG))
    assert answered(amazon, "final") == 409
    reopened = f".log2aws/reopen/final/{DAY}.json"
    record = {"format": 1, "version": summary["raw"]["version"], "why": "a test", "by": "operator",
              "at": "2026-08-20T00:00:00Z"}
    amazon.s3().put_object(Bucket=ANALYZED, Key=reopened, Body=json.dumps(record).encode())
    analyzed(amazon, deliver(amazon, "final", LOG + LOG)())
    # The record is used up.
    assert answered(amazon, "final") == 409
    return played + recorder.requests[begin:]


def answered(cloud, server):
    return ask(cloud, "http-v2", server=server, date=DAY)["statusCode"]


class Case:
    def __init__(self, world, requests):
        self.stack = Stack(TEMPLATE, world.parameters())
        self.policy = iam.statements(self.stack)
        self.table = calls.Table(self.stack, world)
        buckets = {RAW: self.table.raw, ANALYZED: self.table.analyzed}
        found = [c for request in requests for c in rights.calls(request, self.table, buckets)]
        # Most are made again and again.
        self.recorded = list({(self.what(call), str(call.context)): call for call in found}.values())

    def stopped(self, policy):
        return [call.name for call in self.recorded if not iam.allowed(policy, call)]

    def what(self, call):
        return call.principal["AWS"], call.action, self.table.kind(call.resource)


@pytest.fixture(params=WORLDS, scope="module")
def case(request, played, played_final):
    return Case(request.param, played_final if request.param.final else played)


def test_the_roles_allow_every_call(case):
    assert case.recorded and case.stopped(case.policy) == []


def test_the_table_has_these_calls_and_no_others(case):
    recorded = {case.what(call) for call in case.recorded}
    functions = [case.table.url_role, case.table.analyze_role]
    ours = [call for call in case.table.needed() if call.principal in functions]
    needed = {case.what(call) for call in ours if call.source.startswith("crates/")}
    assert recorded - needed == set(), "calls.py lacks these"
    assert needed - recorded == set(), "nobody makes these"


def test_whatever_a_role_loses_a_call_fails(case):
    """Each Allow for what the functions call: whole, by action, by resource."""
    idle, tried, left = [], 0, set()
    for statement in case.policy:
        services = {action.split(":")[0] for action in statement.actions}
        if statement.effect == "Deny":
            continue
        if statement.role is None or services <= AWS:
            left.add(statement.name)
            continue
        assert services <= OWN, statement
        fewer = [iam.without(case.policy, statement)]
        for element in ["actions", "resources"]:
            for one in getattr(statement, element):
                others = [other for other in getattr(statement, element) if other != one]
                fewer.append(iam.with_change(case.policy, statement, **{element: others}))
        tried += 1
        idle += [statement.name for policy in fewer if not case.stopped(policy)]
    # generate-url has two more for final days.
    assert tried == (10 if case.table.world.final else 8) and idle == []
    roles = {name for name in left if name.startswith(("GenerateUrlRole/", "AnalyzeLogRole/"))}
    kms = {"GenerateUrlRole/EncryptPuts", "AnalyzeLogRole/DecryptAndEncrypt"}
    kms.add("AnalyzeLogRole/EncryptFailedEvents")
    aws = {f"{role}Role/WriteLog" for role in ["GenerateUrl", "AnalyzeLog"]}
    aws.add("AnalyzeLogRole/KeepFailedEvents")
    assert roles == aws | (kms if case.stack.parameters["KmsKeyArn"] else set())


def test_both_functions_and_the_urls_were_heard(case):
    """A door that nothing goes through would leave less to hold against the table, not more."""
    kinds = {(c.principal["AWS"], c.context.get("s3:authType")) for c in case.recorded}
    url, analyze = case.table.url_role["AWS"], case.table.analyze_role["AWS"]
    header, query = "REST-HEADER", "REST-QUERY-STRING"
    assert kinds == {(url, None), (url, query), (analyze, None), (analyze, header)}


def test_an_upload_names_the_checksum_that_its_parts_carry(played):
    """AWS refuses parts with a checksum of which the upload was not told; moto takes any."""
    writes = [request for request in played if request.service == "s3"]
    begun = [request for request in writes if "uploads" in request.query]
    parts = [request for request in writes if "partNumber" in request.query]
    assert len(begun) >= 4 and len(parts) >= 6
    assert {request.headers.get("x-amz-checksum-algorithm") for request in begun} == {"CRC32"}
    carried = "x-amz-checksum-crc32"
    assert all(carried in r.headers or r.headers.get("x-amz-trailer") == carried for r in parts)


def test_every_request_carries_the_session_token(amazon, played):
    """So does a URL that is signed by temporary keys, and it is botocore's."""
    query, theirs = signed(given_url(amazon, "judge"), amazon.keys["generate-url"])
    assert query == theirs and query[TOKEN] == "generate-url+/token="
    for key, _, token in amazon.keys.values():
        # serve's keys, if its tests ran before, have none.
        by_it = [r for r in played if f"{key}/" in _signer(r)]
        carried = {r.query.get(TOKEN) or r.headers.get(TOKEN.lower()) for r in by_it}
        assert carried == {token}, key


def _signer(request):
    return request.query.get("X-Amz-Credential") or request.headers["authorization"]
