"""The compiled functions under a Lambda Runtime API: from the question for a URL to the results.

serve analyzes what arrives, too. So each log is put to serve, its results are removed, and what
stands there afterwards analyze-log has written.
"""

import datetime
import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from conftest import ROOT, clients, eventually

LOG = (ROOT / "testdata" / "document.log").read_bytes()
CSV = (ROOT / "testdata" / "document.csv").read_bytes()
EVENTS = ROOT / "testdata" / "events"


def ask(cloud, kind, **query):
    """generate-url's answer to one of API Gateway's events."""
    event = json.loads((EVENTS / "api" / f"{kind}.json").read_text())
    event["headers"]["accept"] = "application/json"
    if kind == "rest-v1":
        event["multiValueHeaders"]["accept"] = ["application/json"]
        event["requestContext"]["identity"]["sourceIp"] = "127.0.0.1"
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = {k: [v] for k, v in query.items()}
    else:
        event["requestContext"]["http"]["sourceIp"] = "127.0.0.1"
        event["rawQueryString"] = urllib.parse.urlencode(query)
    status, answer = cloud.invoke("generate-url", event)
    assert status == 200, cloud.trouble()
    return answer


def put(given, body):
    headers = {**given["headers"], "Content-Type": ""}
    request = urllib.request.Request(given["url"], data=body, method="PUT", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.headers["x-amz-version-id"]


def arrived(key, version=None, source="127.0.0.1"):
    """S3's event, as the recorded one but for these."""
    event = json.loads((EVENTS / "s3-put.json").read_text())
    record = event["Records"][0]
    record["requestParameters"]["sourceIPAddress"] = source
    record["s3"]["bucket"]["name"] = clients.RAW
    record["s3"]["object"]["key"] = urllib.parse.quote_plus(key)
    record["s3"]["object"].pop("versionId", None)
    if version:
        record["s3"]["object"]["versionId"] = version
    return event


def results(cloud, server):
    listed = cloud.serve.s3().list_objects_v2(Bucket=clients.ANALYZED, Prefix=f"{server}/")
    return {o["Key"] for o in listed.get("Contents", [])}


def forget(cloud, server):
    """Removes what serve itself made of the log, once it is done with it."""
    cloud.serve.result(f"{server}/2019-08-01.json")
    for key in results(cloud, server):
        cloud.serve.s3().delete_object(Bucket=clients.ANALYZED, Key=key)
    assert results(cloud, server) == set()


@pytest.mark.parametrize("kind", ["rest-v1", "http-v2", "function-url"])
def test_from_url_to_results(cloud, kind):
    body = LOG + b"this is no sample line\n"
    bound = {"size": str(len(body)), "sha256": hashlib.sha256(body).hexdigest()}
    answer = ask(cloud, kind, server=kind, date="2019-08-01", **bound)
    assert answer["statusCode"] == 200, answer
    given = json.loads(answer["body"])
    version = put(given, body)
    forget(cloud, kind)

    status, answer = cloud.invoke("analyze-log", arrived(given["key"], version))
    assert (status, answer) == (200, None), cloud.trouble()
    stem = f"{kind}/2019-08-01"
    ends = ["csv", "json", "rejects.jsonl", "svg"]
    assert results(cloud, kind) == {f"{stem}.{end}" for end in ends}
    assert cloud.serve.result(f"{stem}.csv") == CSV
    assert cloud.serve.result(f"{stem}.svg").startswith(b"<svg")
    summary = json.loads(cloud.serve.result(f"{stem}.json"))
    assert summary["raw"]["sha256"] == bound["sha256"]
    assert summary["raw"]["version"] == version
    assert summary["log"]["rejects"]["count"] == 1


def test_the_urls_signature_is_botocores(cloud):
    given = json.loads(ask(cloud, "rest-v1", server="judge", date="2019-08-01")["body"])
    ours = urllib.parse.urlsplit(given["url"])
    query = dict(urllib.parse.parse_qsl(ours.query))
    instant = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    place = f"{ours.scheme}://{ours.netloc}{ours.path}"
    request = botocore.awsrequest.AWSRequest(method="PUT", url=place, headers=given["headers"])
    credentials = botocore.credentials.Credentials(*cloud.keys("generate-url"))
    signer = botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=300)
    with mock.patch("botocore.auth.get_current_datetime", return_value=instant):
        signer.add_auth(request)
    theirs = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))
    assert query == theirs


def refuse(cloud, server):
    """Puts a log, and tells analyze-log that a stranger has."""
    given = json.loads(ask(cloud, "http-v2", server=server, date="2019-08-01")["body"])
    version = put(given, LOG)
    forget(cloud, server)
    event = arrived(given["key"], version, source="198.51.100.1")
    assert cloud.invoke("analyze-log", event) == (200, None)


def test_a_put_from_off_the_list_is_refused_and_no_error(cloud):
    refuse(cloud, "stranger")
    assert results(cloud, "stranger") == {"stranger/2019-08-01.json"}
    assert "198.51.100.1" in json.loads(cloud.serve.result("stranger/2019-08-01.json"))["refused"]


def test_s3s_test_event_and_an_absent_log_are_no_errors(cloud):
    event = (EVENTS / "s3-test-event.json").read_bytes()
    assert cloud.invoke("analyze-log", event) == (200, None)
    assert cloud.invoke("analyze-log", arrived("never/2019-08-01.log")) == (200, None)


def test_a_failure_is_returned_so_that_lambda_sends_the_event_again(cloud):
    foreign = (EVENTS / "s3-put.json").read_bytes()
    for event, part in [(foreign, "its notification go there"), (b'{"a":1}', "neither S3's")]:
        _, answer = cloud.invoke("analyze-log", event)
        assert part in answer["errorMessage"], answer


def test_counts_and_logs_name_environment_and_request(cloud):
    refuse(cloud, "counted")
    out, err = cloud.said("analyze-log")
    counts = [json.loads(line) for line in out.splitlines()]
    assert counts and all(line["environment"] == "dev" for line in counts)
    assert counts[-1]["Refusals"] == 1
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines and all(line["span"]["request_id"] for line in lines)
    for name in ["generate-url", "analyze-log"]:
        said = "".join(cloud.said(name))
        assert "X-Amz-Signature" not in said
        assert cloud.keys(name)[1] not in said


def test_settings_hold_while_the_parameter_store_is_away(cloud):
    """Held settings go on; a function that never had any says so, and to come again."""
    cloud.running["parameter-store"].stop()
    assert ask(cloud, "rest-v1", server="held", date="2019-08-01")["statusCode"] == 200
    cloud.running["generate-url"].stop()
    cloud.start_function("generate-url")
    answer = eventually(cloud.trouble, lambda: ask(cloud, "rest-v1", server="new", date="2019-08-01"))
    assert answer["statusCode"] == 503, answer
    assert answer["multiValueHeaders"]["retry-after"] == ["10"]
    assert json.loads(answer["body"])["code"] == "settings-unavailable"
    assert "cannot be reached" in cloud.said("generate-url")[1]
