"""How AWS's services write their answers, and how clients write their requests.

Forms after botocore's service models (`botocore/data/*/service-2.json`: protocol `query` for
CloudFormation, STS and IAM, `json` 1.1 for SSM, `rest-xml` for S3) and the API references' "Common
Errors" and "Error Responses".
"""

import datetime
import json
import urllib.parse
import xml.etree.ElementTree as tree
from xml.sax.saxutils import escape

CLOUDFORMATION = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
REQUEST_ID = "7a1c2f0e-3c50-4c1e-9a55-52d1d4b8f0aa"


class Refusal(Exception):
    """An error answer: its code, its sentence and its HTTP status."""

    def __init__(self, code, message, status=400, headers=()):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status
        self.headers = dict(headers)


class Closed(Exception):
    """No answer at all: the connection ends."""


class Lost(Closed):
    """What was asked is done, but the answer does not arrive."""


class Stalled(Exception):
    """No answer either, and the connection stays: a packet filter that drops everything."""


class Answer:
    def __init__(self, status=200, body=b"", kind=None, headers=()):
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = {"x-amzn-RequestId": REQUEST_ID, **dict(headers)}
        if kind:
            self.headers["Content-Type"] = kind


def moment(time):
    return (
        time.astimezone(datetime.timezone.utc)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return moment(value) if isinstance(value, datetime.datetime) else str(value)


def element(name, value):
    """One element. A list stands in `member`s, as in the query protocol; None is left out."""
    if value is None:
        return ""
    if isinstance(value, dict):
        inside = "".join(element(key, one) for key, one in value.items())
    elif isinstance(value, list):
        inside = "".join(element("member", one) for one in value)
    else:
        inside = escape(text(value))
    return f"<{name}>{inside}</{name}>"


def flat(name, pairs):
    """An S3 document: its lists are elements of one name, one after another."""
    inside = "".join(element(key, value) for key, value in pairs)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{S3}">{inside}</{name}>'


def query_answer(action, result, namespace):
    wrapped = "" if result is None else element(f"{action}Result", result)
    about = element("ResponseMetadata", {"RequestId": REQUEST_ID})
    return Answer(
        body=f'<{action}Response xmlns="{namespace}">{wrapped}{about}</{action}Response>',
        kind="text/xml",
    )


def query_refusal(refusal, namespace):
    kind = "Receiver" if refusal.status >= 500 else "Sender"
    error = {"Type": kind, "Code": refusal.code, "Message": refusal.message}
    inside = element("Error", error) + element("RequestId", REQUEST_ID)
    body = f'<ErrorResponse xmlns="{namespace}">{inside}</ErrorResponse>'
    return Answer(refusal.status, body, "text/xml", refusal.headers)


def json_answer(result):
    return Answer(body=json.dumps(result), kind="application/x-amz-json-1.1")


def json_refusal(refusal):
    body = json.dumps({"__type": refusal.code, "message": refusal.message})
    return Answer(refusal.status, body, "application/x-amz-json-1.1", refusal.headers)


def s3_refusal(refusal, head):
    """S3 says nothing about why it refused a HEAD but the status."""
    error = {
        "Code": refusal.code,
        "Message": refusal.message,
        "RequestId": "4442587FB7D0A2F9",
        "HostId": "Uuag1LuByRx9e6j5Onimru9pO4ZVKnJ2Qz7/C1NPcfTWAtRPfTaOFg==",
    }
    body = "" if head else '<?xml version="1.0" encoding="UTF-8"?>\n' + element("Error", error)
    return Answer(refusal.status, body, "application/xml", refusal.headers)


def form(body):
    """A query request's fields, lists and structures unfolded:
    `Parameters.member.1.ParameterKey=Env` is {"Parameters": [{"ParameterKey": "Env"}]}."""
    fields = {}
    for name, value in urllib.parse.parse_qsl(body.decode(), keep_blank_values=True):
        place, *rest = name.split(".")
        node, key = fields, place
        for part in rest:
            node = node.setdefault(key, {})
            key = part
        node[key] = value
    return _lists(fields)


def _lists(node):
    if not isinstance(node, dict):
        return node
    if set(node) == {"member"}:
        return [_lists(node["member"][key]) for key in sorted(node["member"], key=int)]
    return {key: _lists(value) for key, value in node.items()}


def document(body):
    """The root of an XML request, its names without their namespace."""
    root = tree.fromstring(body)
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def unchunked(body):
    """What aws-chunked carries, and its trailing headers: `size[;signature] bytes … 0`."""
    data, place = b"", 0
    while True:
        end = body.index(b"\r\n", place)
        size = int(body[place:end].split(b";")[0], 16)
        place = end + 2
        if size == 0:
            break
        data += body[place : place + size]
        place += size + 2
    lines = body[place:].decode().split("\r\n")
    trailers = dict(line.split(":", 1) for line in lines if ":" in line)
    return data, {name.lower(): value.strip() for name, value in trailers.items()}
