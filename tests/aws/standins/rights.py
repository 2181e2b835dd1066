"""Which rights a recorded request takes on AWS, by the documents of its operations.

S3: S3 User Guide, "Required permissions for Amazon S3 API operations"; a key that is absent takes
s3:ListBucket to be told so. Parameter Store: its operations are its actions. A request that is not
among those below is an error: nobody has said yet what it takes.
"""

import datetime
import json
import re

from iam import Call
from recorder import Request

# What an address in the URL or a signature adds to the query, and what the SDK does.
SIGNED = re.compile(r"x-amz-|x-id$", re.IGNORECASE)
# Headers by which a request takes more rights than its method says.
MORE = re.compile(r"x-amz-(acl|grant-|tagging|copy-source|object-lock-|bypass-)")
UPLOAD = {"uploadId"}


def calls(request: Request, table, buckets):
    """The calls that AWS would judge. `buckets` are the recorded bucket names and the table's."""
    if request.service == "ssm":
        found = _ssm(request, table)
    else:
        found = _s3(request, buckets)
    role = {"generate-url": table.url_role, "analyze-log": table.analyze_role}[request.function]
    name = f"{request.function}: {request.method} {request.path} {sorted(request.query)}"
    context = _context(request, table)
    return [Call(name, "recorded", role, action, on, context) for action, on in found]


def _ssm(request, table):
    assert request.headers["x-amz-target"] == "AmazonSSM.GetParameters", request
    prefix = "/log2aws/dev/"
    for name in json.loads(request.body)["Names"]:
        assert name.startswith(prefix), request
        yield "ssm:GetParameters", table.parameter(name.removeprefix(prefix))


def _s3(request, buckets):
    more = [name for name in request.headers if MORE.match(name)]
    assert not more, f"nobody has said what {more} takes: {request}"
    _, bucket, *key = request.path.split("/", 2)
    bucket, key = buckets[bucket], key[0] if key else ""
    query = {name for name in request.query if not SIGNED.match(name)}
    if not key:
        assert (request.method, query) == ("HEAD", set()), request
        return [("s3:ListBucket", bucket)]
    named = {
        ("HEAD", frozenset()): "GetObject",
        ("GET", frozenset()): "GetObject",
        ("GET", frozenset({"versionId"})): "GetObjectVersion",
        ("PUT", frozenset()): "PutObject",
        ("POST", frozenset({"uploads"})): "PutObject",
        ("PUT", frozenset({"uploadId", "partNumber"})): "PutObject",
        ("POST", frozenset({"uploadId"})): "PutObject",
        ("DELETE", frozenset({"uploadId"})): "AbortMultipartUpload",
        ("DELETE", frozenset()): "DeleteObject",
    }
    action = named.get((request.method, frozenset(query)))
    assert action, f"nobody has said what this takes: {request}"
    found = [(f"s3:{action}", f"{bucket}/{key}")]
    if request.method in ("HEAD", "GET") and request.status == 404:
        found.append(("s3:ListBucket", bucket))
    return found


def _context(request, table):
    """What AWS would know of the request. It comes over TLS there, and not here."""
    if request.service == "ssm":
        return {}
    if "X-Amz-Signature" not in request.query:
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 "), request
        return table.header()
    signed = datetime.datetime.strptime(request.query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    age = request.at - signed.replace(tzinfo=datetime.timezone.utc)
    return table.url(age=age // datetime.timedelta(milliseconds=1))
