"""The calls that must go through and those that must not, each with who makes it, or why not.

A call that the functions make is named by the place in this repository that makes it, first of all;
tests/aws/bootstraps/test_recorded.py holds these against what the compiled functions call. A call
that AWS or a client makes for us is named by the AWS document that says so. Documents: LDG, the Lambda Developer
Guide; S3UG, the S3 User Guide; S3API, the S3 API Reference; AGDG, the API Gateway Developer Guide;
KMSDG, the KMS Developer Guide; SQSDG, the SQS Developer
Guide. OPS are operators, whose rights come from elsewhere.
"""

import dataclasses
import re

from iam import Call

ALLOWED_V4, ALLOWED_NETWORK, ALLOWED_V6 = "203.0.113.7", "198.51.100.200", "2001:db8:1::9"
NETWORKS = "203.0.113.7,198.51.100.0/24,2001:db8:1::/48"
ELSEWHERE, ELSEWHERE_V6 = "192.0.2.1", "2001:db8:2::9"
ENDPOINT, OTHER_ENDPOINT = "vpce-0a1b2c3d", "vpce-4e5f6a7b"
SOMEBODY_ELSES_ENDPOINT = "vpce-0123456789abcdef0"
KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

STORE_PORT = "crates/log2aws-service/src/ports/store.rs"
SETTINGS_PORT = "crates/log2aws-service/src/ports/settings.rs"
SIGNER = "crates/log2aws-service/src/signer.rs"
FINAL = "crates/log2aws-service/src/http/day_rules.rs"
KEYS = "crates/log2aws-service/src/http/url_keys.rs"
ENROL = "crates/log2aws-service/src/http/issue.rs"
KEY_VERBS = "crates/log2aws/src/key/mod.rs"
LOOK = "crates/log2aws-service/src/analyze/reconcile.rs"
STORED = "crates/log2aws-service/src/analyze/stored_summary.rs"
REOPEN = "crates/log2aws/src/reopen.rs"
RETIRE = "crates/log2aws/src/retire/records.rs"
REFUSALS = "crates/log2aws-service/src/analyze/refusals.rs"
JOB = "crates/log2aws-service/src/analyze/job.rs"
STREAM = "crates/log2aws-service/src/analyze/convert.rs"
SIGV4_KEYS = "S3API, Signature Version 4 authentication specific policy keys"


@dataclasses.dataclass(frozen=True)
class World:
    """One way to set the stack up."""

    kms: bool
    address: bool
    prefix: bool
    final: bool = True

    def parameters(self):
        return {
            "Env": "dev",
            "ArtifactBucket": "cf-templates-ap-northeast-1-111122223333",
            "GenerateUrlKey": "log2aws/0123.zip",
            "AnalyzeLogKey": "log2aws/4567.zip",
            "LogPutAllowHosts": "203.0.113.7, web*@198.51.100.0/24, 2001:db8:1::/48",
            "LogPutAllowNetworks": NETWORKS,
            "VpcEndpointIds": "" if self.address else f"{ENDPOINT},{OTHER_ENDPOINT}",
            "FinalAfterDays": "7" if self.final else "0",
            "KeyPrefix": "spread" if self.prefix else "off",
            "KmsKeyArn": KEY if self.kms else "",
        }

    def key(self, ending):
        # The prefix is that of the test in crates/log2aws-core/src/key.rs.
        return ("f052/" if self.prefix else "") + f"web01/2019-08-01.{ending}"


WORLDS = [
    World(kms, address, prefix, final)
    for kms in (False, True)
    for address in (True, False)
    for prefix in (False, True)
    for final in (True, False)
]


class Table:
    """The calls for one stack in one world."""

    def __init__(self, stack, world):
        self.stack, self.world = stack, world
        account, region = stack.account, stack.region
        self.account = account
        self.raw = f"arn:aws:s3:::serverlogs-dev-{account}-{region}"
        self.analyzed = f"arn:aws:s3:::analyzedlogs-dev-{account}-{region}"
        self.log = f"{self.raw}/{world.key('log')}"
        self.retired = f"{self.analyzed}/.log2aws/retired.json"
        self.keys = f"{self.analyzed}/.log2aws/keys.json"
        self.enrolment = f"{self.raw}/.log2aws/enrol/web01"
        self.reopened = f"{self.analyzed}/.log2aws/reopen/web01/2019-08-01.json"
        self.url_role = {"AWS": stack.attribute("GenerateUrlRole", "Arn")}
        self.analyze_role = {"AWS": stack.attribute("AnalyzeLogRole", "Arn")}
        self.operator = {"AWS": f"arn:aws:iam::{account}:user/operator"}
        self.queue = stack.attribute("FailedEvents", "Arn")
        self.url_function = stack.arn("lambda", "function:log2aws-dev-generate-url")
        self.analyze_function = stack.arn("lambda", "function:log2aws-dev-analyze-log")
        self.api = stack.arn("execute-api", "made-up-api")

    def kind(self, resource):
        """What a resource is, whichever server and day it is of."""
        resource = re.sub(r"(/\.log2aws/enrol/)[^/]+$", r"\1*", resource)
        return re.sub(r"(/\.log2aws/reopen)?/[^.].*/\d{4}-\d\d-\d\d\.", r"\1/*.", resource)

    def parameter(self, name, env="dev"):
        return self.stack.arn("ssm", f"parameter/log2aws/{env}/{name}")

    def log_stream(self, function):
        group = f"/aws/lambda/log2aws-dev-{function}"
        return self.stack.arn("logs", f"log-group:{group}:log-stream:2019/08/02/[$LATEST]0123")

    # ---- what a request carries ----------------------------------------------------------------

    def header(self, address=ELSEWHERE, tls=True, **more):
        """Signed in its headers."""
        return self._context("REST-HEADER", address, tls, more)

    def url(self, address=ALLOWED_V4, age=1200, tls=True):
        """Signed in its query, `age` ms ago."""
        return self._context("REST-QUERY-STRING", address, tls, {"s3:signatureAge": str(age)})

    def endpoint(self, endpoint=ENDPOINT):
        """Signed in its query, through a VPC endpoint: S3 sees no public address there."""
        return self.url(None) | {"aws:SourceVpce": endpoint}

    def form(self, address=ALLOWED_V4, age=1200):
        """A browser's form with a signed policy, signed `age` ms ago."""
        return self._context("POST", address, True, {"s3:signatureAge": str(age)})

    @staticmethod
    def _context(kind, address, tls, more):
        context = {"s3:authType": kind, "aws:SecureTransport": "true" if tls else "false", **more}
        if address is not None:
            context["aws:SourceIp"] = address
        return context

    def via_s3(self):
        return {"kms:ViaService": f"s3.{self.stack.region}.amazonaws.com"}

    # ---- needed --------------------------------------------------------------------------------

    def needed(self):
        yield from self._functions_need()
        yield from self._generate_url_needs()
        yield from self._analyze_log_needs()
        yield from self._operators_need()

    def _functions_need(self):
        for name, function, role in [
            ("generate-url", self.url_function, self.url_role),
            ("analyze-log", self.analyze_function, self.analyze_role),
        ]:
            lambda_ = {"Service": "lambda.amazonaws.com"}
            source = "LDG, Defining Lambda function permissions with an execution role"
            yield Call(f"Lambda runs {name}", source, lambda_, "sts:AssumeRole", role["AWS"], {})
            source = "LDG, Sending Lambda function logs to CloudWatch Logs"
            for action in ["logs:CreateLogStream", "logs:PutLogEvents"]:
                stream = self.log_stream(name)
                yield Call(f"{name}: {action}", source, role, action, stream, {})
            for setting in ["LogPutAllowHosts", "ServerlogBucketName", "AnalyzedlogBucketName"]:
                parameter = self.parameter(setting)
                said = f"{name} reads {setting}"
                yield Call(said, SETTINGS_PORT, role, "ssm:GetParameters", parameter, {})
        for method in ["GET", "POST"]:
            for address in [ALLOWED_V4, ALLOWED_NETWORK, ALLOWED_V6]:
                yield Call(
                    f"{method} / from {address}",
                    "AGDG, Control access to a REST API with API Gateway resource policies",
                    {"Anonymous": "anonymous"},
                    "execute-api:Invoke",
                    f"{self.api}/dev/{method}/",
                    {"aws:SourceIp": address},
                )
            yield Call(
                f"API Gateway hands on {method} /",
                "AGDG, Control access to a REST API by resource-based policies of Lambda",
                {"Service": "apigateway.amazonaws.com"},
                "lambda:InvokeFunction",
                self.url_function,
                {"aws:SourceArn": f"{self.api}/dev/{method}/"},
            )
        yield Call(
            "S3 hands on an event",
            "S3UG, Granting permissions to publish event notification messages to a destination",
            {"Service": "s3.amazonaws.com"},
            "lambda:InvokeFunction",
            self.analyze_function,
            {"aws:SourceArn": self.raw, "aws:SourceAccount": self.account},
        )

    def _generate_url_needs(self):
        source = f"{SIGNER}; S3UG, Download and upload objects with presigned URLs"
        for said, context in [
            ("a listed address", self.url(ALLOWED_V4)),
            ("a listed network", self.url(ALLOWED_NETWORK)),
            ("a listed IPv6 network", self.url(ALLOWED_V6)),
            ("a listed address at the last moment", self.url(age=300_000)),
        ]:
            yield self.put(f"a server puts from {said}", context, source=source)
        if not self.world.address:
            yield self.put("a server puts through a VPC endpoint", self.endpoint(), source=source)
            said = "a server puts through the other VPC endpoint"
            yield self.put(said, self.endpoint(OTHER_ENDPOINT), source=source)
            said = "a server puts its public key through a VPC endpoint"
            yield self.enrol(said, self.endpoint(), source=f"{ENROL}, check_enrolment")
        for said, context in [
            ("a listed address", self.url(ALLOWED_V4)),
            ("a listed IPv6 network at the last moment", self.url(ALLOWED_V6, age=300_000)),
        ]:
            said = f"a server puts its public key from {said}"
            yield self.enrol(said, context, source=f"{ENROL}, check_enrolment")
        registry = self.url(ELSEWHERE)
        yield Call("who has a key", f"{KEYS}, read", self.url_role, "s3:GetObject", self.keys, registry)
        if self.world.final:
            role, tls = self.url_role, self.url(ELSEWHERE)
            final = f"{FINAL}, of a day that may be final"
            summary = f"{self.analyzed}/{self.world.key('json')}"
            reopened = self.reopened
            yield Call("the summary of an old day", final, role, "s3:GetObject", summary, tls)
            yield Call("is an old day open again", final, role, "s3:GetObject", reopened, tls)
            absent = "S3API, GetObject: 404 for an absent key with s3:ListBucket, else 403"
            said = "is an old day's summary absent"
            yield Call(said, f"{FINAL}; {absent}", role, "s3:ListBucket", self.analyzed, tls)
        if self.world.kms:
            source = "S3UG, Using server-side encryption with KMS keys: permissions to download"
            said = "S3 decrypts the registry of keys and the summary of an old day"
            yield self.kms(said, self.url_role, "Decrypt", source)
            source = "S3UG, Using server-side encryption with KMS keys: permissions to upload"
            said = "S3 encrypts what is put by URL"
            yield self.kms(said, self.url_role, "GenerateDataKey", source)

    def _analyze_log_needs(self):
        role, tls = self.analyze_role, self.header()
        absent = "S3API, HeadObject: 404 for an absent key with s3:ListBucket, else 403"
        heads = [(self.raw, LOOK), (self.analyzed, STORED)]
        for bucket, path in heads:
            said = f"is an absent key of {bucket} absent"
            yield Call(said, f"{path}; {absent}", role, "s3:ListBucket", bucket, tls)
        summary = f"{self.analyzed}/{self.world.key('json')}"
        refused = f"{self.analyzed}/{self.world.key('refused.jsonl')}"
        for said, source, action, resource in [
            ("the newest log", f"{JOB}, newest", "GetObject", self.log),
            ("reads that version", f"{STREAM}, convert", "GetObjectVersion", self.log),
            ("the newest summary", f"{STORED}, read", "GetObject", summary),
            ("reads that summary", f"{STORED}, read", "GetObjectVersion", summary),
            ("the refused versions", f"{REFUSALS}, read", "GetObject", refused),
            ("reads that list", f"{REFUSALS}, read", "GetObjectVersion", refused),
        ]:
            yield Call(said, source, role, f"s3:{action}", resource, tls)
        parts = f"{STREAM}, NewResult; S3API, CreateMultipartUpload"
        verbs = {
            "PutObject": parts,
            "AbortMultipartUpload": f"{STORE_PORT}, an Upload that is dropped",
            "GetObject": f"{STORED}, is_of and, before a delete, {STORE_PORT}",
            "DeleteObject": f"{STREAM}, a result that there is no longer",
        }
        for ending, made in [
            # Grow with the log, so they may go in parts.
            ("csv", ["PutObject", "AbortMultipartUpload"]),
            ("rejects.jsonl", ["PutObject", "AbortMultipartUpload", "GetObject", "DeleteObject"]),
            # Are smaller than one part, whatever the log.
            ("svg", ["PutObject"]),
            ("png", ["PutObject"]),
            # Read above.
            ("json", ["PutObject"]),
            ("refused.jsonl", ["PutObject"]),
        ]:
            result = f"{self.analyzed}/{self.world.key(ending)}"
            for verb in made:
                said = f"{verb} of {ending}"
                yield Call(said, verbs[verb], role, f"s3:{verb}", result, tls)
        source = "LDG, Capturing records of Lambda asynchronous invocations"
        said = "Lambda keeps a failed event"
        yield Call(said, source, role, "sqs:SendMessage", self.queue, {})
        if self.world.kms:
            # Decrypt is asked for when objects are read, and when an upload's parts are put.
            source = "S3UG, Using server-side encryption with KMS keys"
            for action in ["Decrypt", "GenerateDataKey"]:
                yield self.kms(f"S3: {action} for analyze-log", role, action, source)
            # "The producer must have the kms:GenerateDataKey and kms:Decrypt permissions" in effect.
            source = "SQSDG, Amazon SQS key management: allow a producer to send messages"
            via = {"kms:ViaService": f"sqs.{self.stack.region}.amazonaws.com"}
            for action in ["Decrypt", "GenerateDataKey"]:
                said = f"SQS: {action} for a failed event"
                yield self.kms(said, role, action, source, context=via)

    def _operators_need(self):
        def may(said, action, resource, context, source="OPS, with rights of their own"):
            return Call(said, source, self.operator, action, resource, context, by_rights=True)

        put, get = "s3:PutObject", "s3:GetObject"
        yield may("back-fill from anywhere", put, self.log, self.header())
        yield may("back-fill through a VPC endpoint", put, self.log, self.header(None))
        hour = 3_600_000
        result = f"{self.analyzed}/{self.world.key('csv')}"
        yield may("upload by form, an hour old", put, self.log, self.form(ELSEWHERE, hour))
        yield may("an hour-old link to a log", get, self.log, self.url(ELSEWHERE, hour))
        yield may("an hour-old link to a result", get, result, self.url(ELSEWHERE, hour))
        yield may("open a day again", put, self.reopened, self.header(), f"{REOPEN}, write")
        yield may("retire a server", put, self.retired, self.header(), f"{RETIRE}, write")
        yield may("read who is retired", get, self.retired, self.header(), f"{RETIRE}, read")
        yield may("register a key", put, self.keys, self.header(), f"{KEY_VERBS}, change")
        yield may("read who has a key", get, self.keys, self.header(), f"{KEY_VERBS}, change")
        yield may("read the key that a server put", get, self.enrolment, self.header(),
                  f"{KEY_VERBS}, enrolment_request")
        yield may("list the logs", "s3:ListBucket", self.raw, self.header())
        yield may("list the results", "s3:ListBucket", self.analyzed, self.header())
        yield may("purge a version", "s3:DeleteObjectVersion", self.log, self.header())

    # ---- forbidden -----------------------------------------------------------------------------

    def forbidden(self):
        yield from self._in_the_clear()
        yield from self._urls()
        yield from self._beyond_generate_url()
        yield from self._beyond_analyze_log()
        yield from self._strangers()

    def _in_the_clear(self):
        clear = self.header(tls=False)
        result = f"{self.analyzed}/{self.world.key('csv')}"
        for said, action, resource in [
            ("read a log", "s3:GetObject", self.log),
            ("list the logs", "s3:ListBucket", self.raw),
            ("read a result", "s3:GetObject", result),
            ("list the results", "s3:ListBucket", self.analyzed),
        ]:
            source = "S3UG, Security best practices"
            for who in [self.analyze_role, self.operator]:
                rights = who is self.operator
                named = f"{said} without TLS as {who}"
                yield Call(named, source, who, action, resource, clear, by_rights=rights)
        yield self.put("put by URL without TLS", self.url(tls=False))

    def _urls(self):
        for said, context in [
            ("signed more than 300 s ago", self.url(age=300_001)),
            ("signed a day ago", self.url(age=86_400_000)),
        ]:
            yield self.put(f"put by a URL {said}", context, source=SIGV4_KEYS)
            yield self.put(f"put by an operator's URL {said}", context, self.operator, True)
            yield self.enrol(f"a public key by a URL {said}", context)
        yield self.enrol("a public key without TLS", self.url(tls=False))
        yield self.enrol("generate-url itself puts a public key", self.header(ALLOWED_V4))
        if self.world.address:
            for address in [ELSEWHERE, ELSEWHERE_V6, None]:
                context = self.url(address)
                yield self.enrol(f"a public key by a URL from {address}", context)
                yield self.put(f"put by a URL from {address}", context, source=SIGV4_KEYS)
                yield self.put(f"an operator's URL from {address}", context, self.operator, True)
            said = "put by a URL through a VPC endpoint that nobody named"
            yield self.put(said, self.endpoint(), source=SIGV4_KEYS)
        else:
            # A URL that leaked is of no use on the internet, nor in somebody else's VPC.
            for said, context in [
                (f"from {ELSEWHERE}", self.url(ELSEWHERE)),
                (f"from {ELSEWHERE_V6}", self.url(ELSEWHERE_V6)),
                ("from nowhere", self.url(None)),
                ("through another's VPC endpoint", self.endpoint(SOMEBODY_ELSES_ENDPOINT)),
            ]:
                yield self.put(f"put by a URL {said}", context, source=SIGV4_KEYS)
                yield self.put(f"an operator's URL {said}", context, self.operator, True)
                yield self.enrol(f"a public key by a URL {said}", context)
        for said, context in [
            ("signed in the headers", self.header(ALLOWED_V4)),
            ("by form", self.form()),
            ("signed nobody knows how", {"aws:SecureTransport": "true"}),
        ]:
            yield self.put(f"generate-url itself puts, {said}", context, source=SIGV4_KEYS)

    def _beyond_generate_url(self):
        role, url = self.url_role, self.url()
        for said, action, resource in [
            ("read a log", "s3:GetObject", self.log),
            ("delete a log", "s3:DeleteObject", self.log),
            ("delete a version", "s3:DeleteObjectVersion", self.log),
            ("open a log to others", "s3:PutObjectAcl", self.log),
            ("list logs", "s3:ListBucket", self.raw),
            ("put what is no log", "s3:PutObject", f"{self.raw}/web01/index.html"),
            ("put a log without a server", "s3:PutObject", f"{self.raw}/2019-08-01.log"),
            ("put a result", "s3:PutObject", f"{self.analyzed}/{self.world.key('csv')}"),
            ("read a result", "s3:GetObject", f"{self.analyzed}/{self.world.key('csv')}"),
            ("read another setting", "s3:GetObject", self.retired),
            ("read a key of another's name", "s3:GetObject", f"{self.keys}.bak"),
            ("read an older registry of keys", "s3:GetObjectVersion", self.keys),
            ("write the registry of keys", "s3:PutObject", self.keys),
            ("remove the registry of keys", "s3:DeleteObject", self.keys),
            ("put a registry of keys into the raw bucket", "s3:PutObject",
             f"{self.raw}/.log2aws/keys.json"),
            ("read the key that a server put", "s3:GetObject", self.enrolment),
            ("put a log beside public keys", "s3:PutObject",
             f"{self.raw}/.log2aws/enrol/web01/2019-08-01.log"),
            ("put a public key into results", "s3:PutObject",
             self.enrolment.replace(self.raw, self.analyzed)),
            ("put a log under a name with a dot", "s3:PutObject",
             f"{self.raw}/.log2aws/web01/2019-08-01.log"),
            ("open a day again", "s3:PutObject", self.reopened),
            ("retire a server", "s3:PutObject", self.retired),
            ("list versions of results", "s3:ListBucketVersions", self.analyzed),
            ("put into the logs of prod", "s3:PutObject", self.log.replace("-dev-", "-prod-")),
        ]:
            said = f"generate-url's URL: {said}"
            yield Call(said, "least privilege", role, action, resource, url)
        hosts = self.parameter("LogPutAllowHosts")
        prods = self.parameter("LogPutAllowHosts", env="prod")
        for said, action, resource in [
            ("widen the allow-list", "ssm:PutParameter", hosts),
            ("read prod's allow-list", "ssm:GetParameters", prods),
            ("read what else stands in SSM", "ssm:GetParameters", self.parameter("Secret")),
            ("make a log group", "logs:CreateLogGroup", self.log_stream("generate-url")),
            ("write analyze-log's log", "logs:PutLogEvents", self.log_stream("analyze-log")),
            ("delete its log", "logs:DeleteLogStream", self.log_stream("generate-url")),
            ("queue an event", "sqs:SendMessage", self.queue),
            ("invoke analyze-log", "lambda:InvokeFunction", self.analyze_function),
        ]:
            yield Call(f"generate-url: {said}", "least privilege", role, action, resource, {})
        if not self.world.final:
            summary = f"{self.analyzed}/{self.world.key('json')}"
            yield Call("generate-url reads a summary though no day is ever final",
                       "least privilege", role, "s3:GetObject", summary, url)
            yield Call("generate-url lists results though no day is ever final",
                       "least privilege", role, "s3:ListBucket", self.analyzed, url)
        said = "generate-url has the key deleted"
        yield self.kms(said, role, "ScheduleKeyDeletion", "least privilege")
        yield from self._kms_beyond("generate-url", role, "GenerateDataKey")
        yield self.kms("generate-url decrypts itself", role, "Decrypt", "KMSDG, kms:ViaService",
                       context={})

    def _beyond_analyze_log(self):
        role, tls = self.analyze_role, self.header()
        hosts = self.parameter("LogPutAllowHosts")
        prods = self.parameter("LogPutAllowHosts", env="prod")
        result, no_log = f"{self.analyzed}/{self.world.key('csv')}", f"{self.raw}/web01/keys.txt"
        for said, action, resource in [
            ("change a log", "s3:PutObject", self.log),
            ("delete a log", "s3:DeleteObject", self.log),
            ("delete a log's version", "s3:DeleteObjectVersion", self.log),
            ("delete a result's version", "s3:DeleteObjectVersion", result),
            ("open a result to others", "s3:PutObjectAcl", result),
            ("put what is no result", "s3:PutObject", f"{self.analyzed}/web01/index.html"),
            ("open a day again", "s3:PutObject", self.reopened),
            ("retire a server", "s3:PutObject", self.retired),
            ("write the registry of keys", "s3:PutObject", self.keys),
            ("read the registry of keys", "s3:GetObject", self.keys),
            ("remove the registry of keys", "s3:DeleteObject", self.keys),
            ("abort an upload of the record of a reopened day", "s3:AbortMultipartUpload", self.reopened),
            ("remove the record of a reopened day", "s3:DeleteObject", self.reopened),
            ("read the record of a reopened day", "s3:GetObject", self.reopened),
            ("read what is no log", "s3:GetObject", no_log),
            ("read a version of what is no log", "s3:GetObjectVersion", no_log),
            ("read prod's logs", "s3:GetObject", self.log.replace("-dev-", "-prod-")),
            ("list prod's logs", "s3:ListBucket", self.raw.replace("-dev-", "-prod-")),
            ("list versions", "s3:ListBucketVersions", self.raw),
            ("change the bucket's policy", "s3:PutBucketPolicy", self.raw),
        ]:
            yield Call(f"analyze-log: {said}", "least privilege", role, action, resource, tls)
        for said, action, resource in [
            ("widen the allow-list", "ssm:PutParameter", hosts),
            ("read prod's allow-list", "ssm:GetParameters", prods),
            ("make a log group", "logs:CreateLogGroup", self.log_stream("analyze-log")),
            ("write generate-url's log", "logs:PutLogEvents", self.log_stream("generate-url")),
            ("take an event away", "sqs:DeleteMessage", self.queue),
            ("send elsewhere", "sqs:SendMessage", self.stack.arn("sqs", "somebody-elses")),
        ]:
            yield Call(f"analyze-log: {said}", "least privilege", role, action, resource, {})
        # SQS Developer Guide, "Amazon SQS security best practices": "Use the aws:SecureTransport
        # condition in the queue policy to force requests to use SSL."
        clear = {"aws:SecureTransport": "false"}
        said = "analyze-log: queue an event in the clear"
        yield Call(said, "SQS, security best practices", role, "sqs:SendMessage", self.queue, clear)
        said = "analyze-log has the key deleted"
        yield self.kms(said, role, "ScheduleKeyDeletion", "least privilege")
        yield from self._kms_beyond("analyze-log", role, "Decrypt")

    def _kms_beyond(self, who, role, action):
        source = "KMSDG, kms:ViaService"
        yield self.kms(f"{who} asks KMS itself", role, action, source, context={})
        yield self.kms(f"{who} through another service", role, action, source,
                       context={"kms:ViaService": f"ec2.{self.stack.region}.amazonaws.com"})
        if who == "generate-url":
            via = {"kms:ViaService": f"sqs.{self.stack.region}.amazonaws.com"}
            yield self.kms(f"{who} through SQS", role, action, source, context=via)
        else:
            via = {"kms:ViaService": f"sqs.{self.stack.region}.amazonaws.com"}
            said, other = f"{who} through SQS with another key", KEY[:-1] + "c"
            yield self.kms(said, role, action, source, context=via, key=other)
            for verb in ["ScheduleKeyDeletion", "CreateGrant"]:
                yield self.kms(f"{verb} for {who} through SQS", role, verb, source, context=via)
        yield self.kms(f"{who} with another key", role, action, source, key=KEY[:-1] + "c")

    def _strangers(self):
        source = "AGDG, Control access to a REST API with API Gateway resource policies"
        world, operator = {"Anonymous": "anonymous"}, self.operator
        for address in [ELSEWHERE, ELSEWHERE_V6, None]:
            context = {"aws:SourceIp": address} if address else {}
            for method in ["GET", "POST"]:
                said, on = f"{method} / from {address}", f"{self.api}/dev/{method}/"
                yield Call(said, source, world, "execute-api:Invoke", on, context)
            said = f"an operator asks from {address}"
            yield Call(said, source, operator, "execute-api:Invoke", on, context, by_rights=True)
        said = "the world empties the API's cache"
        on, context = f"{self.api}/dev/GET/", {"aws:SourceIp": ALLOWED_V4}
        yield Call(said, source, world, "execute-api:InvalidateCache", on, context)
        source = "LDG, Working with resource-based IAM policies in Lambda"
        invoke, api, s3 = "lambda:InvokeFunction", "apigateway.amazonaws.com", "s3.amazonaws.com"
        ours = {"aws:SourceArn": self.raw, "aws:SourceAccount": self.account}
        root = {"aws:SourceArn": f"{self.api}/dev/GET/"}
        for said, service, function, context in [
            ("another API", api, self.url_function,
             {"aws:SourceArn": self.stack.arn("execute-api", "other") + "/dev/GET/"}),
            ("another stage", api, self.url_function, {"aws:SourceArn": f"{self.api}/test/GET/"}),
            ("another path", api, self.url_function, {"aws:SourceArn": f"{self.api}/dev/GET/a"}),
            ("nobody says which API", api, self.url_function, {}),
            ("S3 for generate-url", s3, self.url_function, ours),
            ("API Gateway for analyze-log", api, self.analyze_function, root),
            ("another bucket", s3, self.analyze_function, ours | {"aws:SourceArn": self.analyzed}),
            ("the bucket's name in another account", s3, self.analyze_function,
             ours | {"aws:SourceAccount": "999988887777"}),
            ("another service for S3", "events.amazonaws.com", self.analyze_function, ours),
            ("another service for API Gateway", "events.amazonaws.com", self.url_function, root),
        ]:
            yield Call(f"invoke: {said}", source, {"Service": service}, invoke, function, context)
        for own, service in [(root, api), (ours, s3)]:
            function = self.url_function if service == api else self.analyze_function
            said = f"{service} changes the function that it invokes"
            yield Call(said, source, {"Service": service}, "lambda:UpdateFunctionCode", function, own)
            said = f"{service} invokes another function"
            other = self.stack.arn("lambda", "function:other")
            yield Call(said, source, {"Service": service}, invoke, other, own)
        for role in [self.url_role, self.analyze_role]:
            for who in [{"Service": "ec2.amazonaws.com"}, self.operator, self.analyze_role]:
                said = f"{who} becomes {role}"
                yield Call(said, "least privilege", who, "sts:AssumeRole", role["AWS"], {})
            said = f"Lambda tags sessions of {role}"
            who = {"Service": "lambda.amazonaws.com"}
            yield Call(said, "least privilege", who, "sts:TagSession", role["AWS"], {})
        for action in ["s3:GetObject", "s3:PutObject"]:
            who = {"Anonymous": "anonymous"}
            context = self.header(ALLOWED_V4)
            yield Call(f"the world: {action}", "private", who, action, self.log, context)

    def put(self, said, context, who=None, by_rights=False, source=SIGV4_KEYS):
        who = who or self.url_role
        return Call(said, source, who, "s3:PutObject", self.log, context, by_rights)

    def enrol(self, said, context, source=SIGV4_KEYS):
        """A server puts its public key by a URL of generate-url's."""
        return Call(said, source, self.url_role, "s3:PutObject", self.enrolment, context)

    def kms(self, said, role, action, source, context=None, key=KEY):
        context = self.via_s3() if context is None else context
        return Call(said, source, role, f"kms:{action}", key, context)
