"""One AWS endpoint on this machine for all services, scripted: what `--endpoint-url` names.

CloudFormation, STS, SSM, IAM and S3 answer in AWS's forms (stacks.py, buckets.py, wire.py). Every call
is kept, so that a test can say what was really sent. Faults are put in by hand: at the n-th call of
an action an error, or a connection that ends without an answer, or an endpoint that is gone.
Signatures are not verified, but each call must carry one, for the right region and service.
"""

import copy
import http.server
import json
import re
import socket
import threading
import time
import urllib.parse

import wire
from buckets import Buckets
from door import Door
from simulation import Simulation
from stacks import Stacks
from wire import Answer, Closed, Lost, Refusal, Stalled

SERVICES = {
    "2010-05-15": ("cloudformation", wire.CLOUDFORMATION),
    "2011-06-15": ("sts", wire.STS),
    "2010-05-08": ("iam", wire.IAM),
}


class Call:
    """One request as it came: `action` by the API reference's name, `fields` unfolded."""

    def __init__(self, service, action, headers, body, path="/", query=None, fields=None):
        self.service, self.action = service, action
        self.headers, self.body = headers, body
        self.path, self.query, self.fields = path, query or {}, fields or {}
        self.time = time.monotonic()

    def parameters(self):
        """Of a CreateChangeSet: {name: value}, and None where the previous value is to stay."""
        found = {}
        for one in self.fields.get("Parameters", []):
            keeps = one.get("UsePreviousValue") == "true"
            assert keeps != (
                "ParameterValue" in one
            ), f"both or neither of value and previous: {one}"
            found[one["ParameterKey"]] = None if keeps else one["ParameterValue"]
        return found

    def __repr__(self):
        return f"{self.service}:{self.action} {self.path if self.service == 's3' else self.fields}"


class Fault:
    def __init__(self, action, error, after, times):
        self.action, self.error, self.after, self.times = action, error, after, times


class Cloud:
    def __init__(self, account="111122223333", region="ap-northeast-1"):
        self.account, self.region = account, region
        # IAM is one service for all regions of a partition.
        self.home = {"cn": "cn-north-1"}.get(region.split("-")[0], "us-east-1")
        self.lock = threading.RLock()
        self.buckets = Buckets(account, region)
        self.stacks = Stacks(self)
        self.door = Door(self)
        self.simulation = Simulation(self)
        self.parameters = {}
        # What resources are really like, whatever a template says: {(type, physical id): properties}.
        self.actual = {}
        self.queue, self.hidden, self.invoked, self.fails = [], set(), [], set()
        self.calls, self.complaints, self.faults = [], [], []
        self.open = set()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.cloud = self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.gone = False
        self.ended = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    # What the device of a role with MFA shows.
    code = "123456"

    # ---- for tests ----

    def fault(self, action, error, after=0, times=1):
        """After the next `after` calls of `action` ("*": of any), `times` of them fail."""
        self.faults.append(Fault(action, error, after, times))

    def of(self, action, service=None):
        found = [c for c in self.calls if c.action == action]
        return [c for c in found if service in (None, c.service)]

    def actions(self):
        return [call.action for call in self.calls]

    def changes(self):
        """The calls that would change something."""
        reading = ("Describe", "Get", "Head", "List", "Simulate")
        return [call for call in self.calls if not call.action.startswith(reading)]

    def vanish(self):
        """Nothing listens any more, and what was connected is cut off."""
        with self.lock:
            if self.gone:
                return
            self.gone = True
            sockets = list(self.open)
        threading.Thread(target=self.server.shutdown, daemon=True).start()
        self.server.socket.close()
        for one in sockets:
            _cut(one)

    def stop(self):
        self.ended.set()
        if not self.gone:
            self.server.shutdown()
            self.server.server_close()

    def artifact_bucket(self):
        return f"cf-templates-{self.region}-{self.account}"

    def bucket_name(self, kind, env="dev"):
        return f"{kind}logs-{env}-{self.account}-{self.region}"

    def zips(self):
        """The calls that put into the artifact bucket."""
        return [c for c in self.of("PutObject") if c.path.startswith(f"/{self.artifact_bucket()}/")]

    # ---- what stacks do to the rest of the account ----

    def made(self, resource, physical, changed):
        """A resource was made, or these of its properties were set."""
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::S3::Bucket" and properties["BucketName"] not in self.buckets.all:
            self.buckets.make(properties["BucketName"])
        if kind == "AWS::SSM::Parameter" and "Value" in changed:
            self.parameters[properties["Name"]] = properties["Value"]
        if kind == "AWS::S3::BucketPolicy":
            bucket = self.buckets.all[properties["Bucket"]]
            bucket.policy, bucket.policy_of = json.dumps(properties["PolicyDocument"]), physical
        actual = self.actual.setdefault((kind, physical), {})
        for name in changed:
            actual.pop(name, None)
            if name in properties:
                actual[name] = copy.deepcopy(properties[name])

    def properties(self, kind, physical):
        """What a resource is really like; None if it is not there."""
        if kind == "AWS::SSM::Parameter" and physical in self.parameters:
            return {**self.actual.get((kind, physical), {}), "Value": self.parameters[physical]}
        if kind == "AWS::S3::Bucket":
            there = physical in self.buckets.all
            known = self.actual.get((kind, physical), {})
            return {"BucketName": physical, **known} if there else None
        return self.actual.get((kind, physical))

    def removed(self, kind, physical, rolls_back):
        """RetainExceptOnCreate: a bucket goes only when the run that made it is rolled back."""
        self.parameters.pop(physical, None)
        self.actual.pop((kind, physical), None)
        for bucket in self.buckets.all.values():
            if kind == "AWS::S3::BucketPolicy" and bucket.policy_of == physical:
                bucket.policy, bucket.policy_of = None, None
        if rolls_back:
            self.buckets.all.pop(physical, None)

    # ---- the service ----

    def answer(self, call):
        with self.lock:
            self.calls.append(call)
            self._check_signature(call)
            error = self._next_fault(call.action)
            if callable(error):
                error()
                error = Closed()
            if isinstance(error, Lost):
                self._done(call)
            if isinstance(error, (Closed, Stalled)):
                raise error
            if isinstance(error, Answer):
                return error
            return self._done(call) if error is None else self._refused(call, error)

    def _done(self, call):
        if call.service == "api":
            return self.door.answer(call)
        if "X-Amz-Signature" in call.query:
            return self.door.put(call)
        if call.service in ("sqs", "lambda"):
            return self._queue(call) if call.service == "sqs" else self._invoke(call)
        if call.service == "cloudformation":
            return self.stacks.answer(call)
        if call.service == "s3":
            return self.buckets.answer(call)
        try:
            if call.service == "iam":
                return self.simulation.answer(call)
            return self._sts(call) if call.service == "sts" else self._ssm(call)
        except Refusal as refusal:
            return self._refused(call, refusal)

    def _next_fault(self, action):
        for fault in self.faults:
            if fault.action not in ("*", action) or fault.times == 0:
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            return fault.error
        return None

    def _refused(self, call, refusal):
        if call.service == "s3":
            return wire.s3_refusal(refusal, call.action.startswith("Head"))
        if call.service in ("ssm", "sqs", "lambda"):
            return wire.json_refusal(refusal)
        namespaces = dict(SERVICES.values())
        return wire.query_refusal(refusal, namespaces[call.service])

    def _check_signature(self, call):
        if call.service == "api" or "X-Amz-Signature" in call.query:
            return
        given = call.headers.get("authorization", "")
        scope = re.search(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request", given)
        if not scope:
            self.complaints.append(f"{call}: carries no signature")
        elif scope.groups() != (self.home if call.service == "iam" else self.region, call.service):
            self.complaints.append(f"{call}: is signed for {scope.groups()}")

    def _sts(self, call):
        if call.action == "AssumeRole":
            return self._assume(call)
        if call.action != "GetCallerIdentity":
            raise Refusal("InvalidAction", f"{call.action} is not played here")
        result = {
            "Arn": f"arn:aws:iam::{self.account}:user/operator",
            "UserId": "AIDACKCEVSQ6C2EXAMPLE",
            "Account": self.account,
        }
        return wire.query_answer(call.action, result, wire.STS)

    def _assume(self, call):
        if "TokenCode" not in call.fields:
            caller = f"User: arn:aws:iam::{self.account}:user/human"
            wanted = f"sts:AssumeRole on resource: {call.fields['RoleArn']}"
            raise Refusal("AccessDenied", f"{caller} is not authorized to perform: {wanted}", 403)
        if call.fields["TokenCode"] != self.code:
            said = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
            raise Refusal("AccessDenied", said, 403)
        keys = {
            "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY",
            "SessionToken": "token-of-the-role",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        user = {"AssumedRoleId": "AROA123EXAMPLE123:log2aws", "Arn": call.fields["RoleArn"]}
        result = {"Credentials": keys, "AssumedRoleUser": user}
        return wire.query_answer(call.action, result, wire.STS)

    def _queue(self, call):
        """SQS, JSON 1.0: a received message is hidden for its VisibilityTimeout."""
        stack = next(s for s in self.stacks.all if s.status != "DELETE_COMPLETE")
        assert call.fields["QueueUrl"] == stack.outputs["FailedEventsUrl"]["Value"]
        assert call.headers["content-type"] == "application/x-amz-json-1.0"
        if call.action == "GetQueueAttributes":
            hidden = sum(m["MessageId"] in self.hidden for m in self.queue)
            counted = {
                "ApproximateNumberOfMessages": len(self.queue) - hidden,
                "ApproximateNumberOfMessagesNotVisible": hidden,
            }
            wanted = call.fields["AttributeNames"]
            return wire.json_answer({"Attributes": {name: str(counted[name]) for name in wanted}})
        if call.action == "DeleteMessage":
            gone = call.fields["ReceiptHandle"]
            self.queue = [m for m in self.queue if m["ReceiptHandle"] != gone]
            return wire.json_answer({})
        most = int(call.fields["MaxNumberOfMessages"])
        seen = [m for m in self.queue if m["MessageId"] not in self.hidden][:most]
        self.hidden |= {m["MessageId"] for m in seen}
        return wire.json_answer({"Messages": seen} if seen else {})

    def _invoke(self, call):
        """Lambda: "the FunctionError header" tells of a function that ran and failed."""
        if call.action == "GetAccountSettings":
            # Of a new account.
            limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
            return Answer(200, json.dumps({"AccountLimit": limit}), "application/json")
        event = json.loads(call.body)
        self.invoked.append((call.path, event))
        if any(r["s3"]["object"]["key"] in self.fails for r in event["Records"]):
            body = json.dumps({"errorType": "Error", "errorMessage": "the key is disabled"})
            return Answer(200, body, "application/json", {"X-Amz-Function-Error": "Unhandled"})
        return Answer(200, "null", "application/json")

    def fail(self, key):
        """An event that failed three times, as Lambda puts it into its destination."""
        event = {"Records": [{"s3": {"object": {"key": key}}}]}
        number = str(len(self.queue))
        body = {"version": "1.0", "requestPayload": event, "responsePayload": {}}
        message = {"MessageId": number, "ReceiptHandle": f"r{number}", "Body": json.dumps(body)}
        self.queue.append(message)

    def _parameter(self, name):
        return {
            "ARN": f"arn:aws:ssm:{self.region}:{self.account}:parameter{name}",
            "DataType": "text",
            "LastModifiedDate": 1.79e9,
            "Name": name,
            "Type": "String",
            "Value": self.parameters[name],
            "Version": 1,
        }

    def _ssm(self, call):
        name = call.fields.get("Name")
        if call.action == "GetParameter":
            if name not in self.parameters:
                raise Refusal("ParameterNotFound", "")
            return wire.json_answer({"Parameter": self._parameter(name)})
        if call.action == "GetParameters":
            names = call.fields["Names"]
            found = [self._parameter(name) for name in names if name in self.parameters]
            unknown = [name for name in names if name not in self.parameters]
            return wire.json_answer({"Parameters": found, "InvalidParameters": unknown})
        if call.action == "PutParameter":
            if name in self.parameters and not call.fields.get("Overwrite"):
                said = (
                    "The parameter already exists. To overwrite this value, set the overwrite "
                    "option in the request to true."
                )
                raise Refusal("ParameterAlreadyExists", said)
            if (
                len(call.fields["Value"]) > 4096
                and call.fields.get("Tier", "Standard") == "Standard"
            ):
                said = (
                    "Standard tier parameters support a maximum parameter value of 4096 characters."
                )
                raise Refusal("ValidationException", said)
            self.parameters[name] = call.fields["Value"]
            return wire.json_answer({"Tier": "Standard", "Version": 2})
        raise Refusal("UnknownOperationException", f"{call.action} is not played here")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for an answer, at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.cloud.open.add(self.connection)

    def finish(self):
        self.server.cloud.open.discard(self.connection)
        super().finish()

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, ValueError):
            self.close_connection = True

    def _any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        headers.setdefault("host", "")
        cloud = self.server.cloud
        target = headers.get("x-amz-target", "")
        if target.startswith("AmazonSQS."):
            call = Call("sqs", target.partition(".")[2], headers, body, fields=json.loads(body))
        elif "/functions/" in url.path:
            call = Call("lambda", "Invoke", headers, body, url.path)
        elif url.path.startswith("/2016-08-19/account-settings"):
            call = Call("lambda", "GetAccountSettings", headers, body, url.path)
        elif target.startswith("AmazonSSM."):
            fields = json.loads(body)
            call = Call("ssm", target.partition(".")[2], headers, body, fields=fields)
        elif headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            fields = wire.form(body)
            service, _ = SERVICES[fields.pop("Version")]
            call = Call(service, fields.pop("Action"), headers, body, fields=fields)
        elif url.path.startswith("/api/"):
            call = Call("api", "Invoke", headers, body, url.path, query)
        else:
            action = cloud.buckets.action(self.command, url.path, query)
            call = Call("s3", action, headers, body, url.path, query)
        try:
            answer = cloud.answer(call)
        except Closed:
            self.close_connection = True
            _cut(self.connection)
            return
        except Stalled:
            self.close_connection = True
            cloud.ended.wait()
            return
        self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _send(self, answer: Answer):
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


def _cut(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


# ---- errors in AWS's words ----


def throttled():
    return Refusal("Throttling", "Rate exceeded")


def internal():
    return Refusal(
        "InternalFailure", "The request processing has failed because of an unknown error", 500
    )


def expired():
    return Refusal("ExpiredToken", "The security token included in the request is expired", 403)


def unknown_key():
    return Refusal(
        "InvalidClientTokenId", "The security token included in the request is invalid.", 403
    )


def denied(action, resource, account="111122223333"):
    """The sentence of IAM's guide on access denied messages."""
    who = f"arn:aws:iam::{account}:user/operator"
    said = (
        f"User: {who} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
    return Refusal("AccessDenied", said, 403)
