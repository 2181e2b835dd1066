"""What servers, S3 and operators do: ask for a URL, put a log, tell of it, look at the results."""

import datetime
import hashlib
import json
import time
import urllib.parse
import urllib.request
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from cloud import ANALYZED, RAW, REGION
from programs import ROOT

EVENTS = ROOT / "testdata" / "events"
LOG = (ROOT / "testdata" / "document.log").read_bytes()
CSV = (ROOT / "testdata" / "document.csv").read_bytes()
DAY = "2019-08-01"


def wide(times=15_000):
    """A log whose CSV is larger than one part of an upload, and that CSV."""
    header, *rows = CSV.splitlines(keepends=True)
    csv = header + b"".join(rows) * times
    assert len(csv) > 8 << 20
    return LOG * times, csv


def claims(body):
    """What a caller who knows its log says of it."""
    return {"size": str(len(body)), "sha256": hashlib.sha256(body).hexdigest()}


def ask(cloud, kind, source="127.0.0.1", **query):
    """generate-url's answer to one of API Gateway's events, from a caller at `source`."""
    event = json.loads((EVENTS / "api" / f"{kind}.json").read_text())
    event["headers"]["accept"] = "application/json"
    if kind == "rest-v1":
        event["multiValueHeaders"]["accept"] = ["application/json"]
        event["requestContext"]["identity"]["sourceIp"] = source
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = {k: [v] for k, v in query.items()}
    else:
        event["requestContext"]["http"]["sourceIp"] = source
        event["rawQueryString"] = urllib.parse.urlencode(query)
    status, answer = cloud.invoke("generate-url", event)
    assert status == 200, cloud.trouble()
    return answer


def given_url(cloud, server, kind="http-v2", **bound):
    """The URL, headers and key of generate-url's answer."""
    answer = ask(cloud, kind, server=server, date=DAY, **bound)
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"])


def signed(given, keys):
    """The query of a URL, and what botocore makes of it for the same instant, headers and keys."""
    ours = urllib.parse.urlsplit(given["url"])
    query = dict(urllib.parse.parse_qsl(ours.query))
    instant = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    place = f"{ours.scheme}://{ours.netloc}{ours.path}"
    request = botocore.awsrequest.AWSRequest(method="PUT", url=place, headers=given["headers"])
    credentials = botocore.credentials.Credentials(*keys)
    signer = botocore.auth.S3SigV4QueryAuth(credentials, "s3", REGION, expires=300)
    with mock.patch("botocore.auth.get_current_datetime", return_value=instant):
        signer.add_auth(request)
    return query, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))


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
    # The recorded one's belong to another log; S3's sequencers of a key rise.
    for name in ("versionId", "size", "eTag"):
        record["s3"]["object"].pop(name, None)
    record["s3"]["object"]["sequencer"] = f"{time.time_ns():020X}"
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
