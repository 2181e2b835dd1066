"""What servers, S3 and operators do: ask for a URL, put a log, tell of it, look at the results."""

import json
import urllib.parse
import urllib.request

from cloud import ANALYZED, RAW
from programs import ROOT

EVENTS = ROOT / "testdata" / "events"
LOG = (ROOT / "testdata" / "document.log").read_bytes()
CSV = (ROOT / "testdata" / "document.csv").read_bytes()
DAY = "2019-08-01"


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


def given_url(cloud, server, kind="http-v2", **bound):
    """The URL, headers and key of generate-url's answer."""
    answer = ask(cloud, kind, server=server, date=DAY, **bound)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


def send(url, body, headers, method="PUT"):
    """What a server sends to a URL: the answer, or an HTTPError."""
    # urllib would name a content type of its own.
    headers = {**headers, "Content-Type": ""}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    return urllib.request.urlopen(request)


def put(given, body):
    """Puts a log; the version that S3 names, if it keeps versions."""
    with send(given["url"], body, given["headers"]) as answer:
        return answer.headers["x-amz-version-id"]


def arrived(key, version=None, source="127.0.0.1"):
    """S3's event, as the recorded one but for these."""
    event = json.loads((EVENTS / "s3-put.json").read_text())
    record = event["Records"][0]
    record["requestParameters"]["sourceIPAddress"] = source
    record["s3"]["bucket"]["name"] = RAW
    record["s3"]["object"]["key"] = urllib.parse.quote_plus(key)
    record["s3"]["object"].pop("versionId", None)
    if version:
        record["s3"]["object"]["versionId"] = version
    return event


def results(cloud, server):
    """The keys of a server's results."""
    listed = cloud.s3().list_objects_v2(Bucket=ANALYZED, Prefix=f"{server}/")
    return {o["Key"] for o in listed.get("Contents", [])}


def result(cloud, server, ending):
    """One result."""
    got = cloud.s3().get_object(Bucket=ANALYZED, Key=f"{server}/{DAY}.{ending}")
    return got["Body"].read()
