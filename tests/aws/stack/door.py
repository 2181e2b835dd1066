"""The API of a stack and PUTs by its URLs, as API Gateway, generate-url and S3 answer.

A URL is signed and verified by botocore's S3SigV4QueryAuth. What S3 refuses: "If any of the signed
headers differ, S3 returns SignatureDoesNotMatch" in effect, and "AccessDenied: There were headers
present in the request which were not signed" for an x-amz- header that is not (S3 API Reference,
"Authenticating Requests: Using Query Parameters", and its error responses). The bytes of a body are
held against the signed x-amz-checksum-sha256 ("Checking object integrity").
"""

import base64
import datetime
import json
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
from wire import Answer, Refusal, s3_refusal

KEYS = botocore.credentials.Credentials("AKIAGENERATEURL", "secret-of-generate-url")


class Door:
    """`allowed`: whether the caller's address is listed. `checks`: whether S3 refuses what it must.
    `analyzes`: whether results come. `lets`: PUTs that are accepted although S3 would refuse them.
    """

    def __init__(self, cloud):
        self.cloud = cloud
        self.allowed, self.analyzes, self.lets = True, True, ()
        self.requires_keys = False

    def url(self):
        return f"{self.cloud.url}/api/dev/"

    def answer(self, call):
        if self.requires_keys:
            # As crates/log2aws-service/src/http/problem.rs.
            said = {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "key-required"}
            return Answer(403, json.dumps(said), "application/problem+json")
        if not self.allowed:
            return Answer(403, "{}", "application/json", {"Log2aws-Source": "192.0.2.7"})
        server, date = call.query["server"], call.query["date"]
        key = f"{server}/{date}.log"
        headers = {}
        if "size" in call.query:
            checksum = base64.b64encode(bytes.fromhex(call.query["sha256"])).decode()
            headers = {
                "content-length": call.query["size"],
                "x-amz-checksum-sha256": checksum,
            }
        place = f"{self.cloud.url}/{self.cloud.bucket_name('server')}/{key}"
        url = self._signed(place, headers, datetime.datetime.now(datetime.timezone.utc))
        if call.headers.get("accept") != "application/json":
            # The script of the document takes the answer as it is.
            return Answer(200, url, "text/plain")
        said = {"url": url, "method": "PUT", "headers": headers, "key": key, "expires_at": ""}
        return Answer(200, json.dumps(said), "application/json")

    def _signed(self, place, headers, now):
        request = botocore.awsrequest.AWSRequest(method="PUT", url=place, headers=headers)
        signer = botocore.auth.S3SigV4QueryAuth(KEYS, "s3", self.cloud.region, expires=300)
        naive = now.replace(tzinfo=None)
        with mock.patch("botocore.auth.get_current_datetime", return_value=naive):
            signer.add_auth(request)
        return request.url

    def put(self, call):
        try:
            return self._put(call)
        except Refusal as refusal:
            return s3_refusal(refusal, False)

    def _put(self, call):
        signed = call.query["X-Amz-SignedHeaders"].split(";")
        for name in call.headers:
            if name.startswith("x-amz-") and name not in signed and "unsigned" not in self.lets:
                said = "There were headers present in the request which were not signed"
                raise Refusal("AccessDenied", said, 403)
        at = datetime.datetime.strptime(call.query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
        headers = {name: call.headers.get(name, "") for name in signed if name != "host"}
        wanted = self._signed(f"{self.cloud.url}{call.path}", headers, at)
        mine = f"X-Amz-Signature={call.query['X-Amz-Signature']}"
        if mine not in wanted and not ("key" in self.lets and "other" in call.path):
            said = "The request signature we calculated does not match the signature you provided."
            raise Refusal("SignatureDoesNotMatch", said, 403)
        answer = self.cloud.buckets.answer(call)
        _, bucket, key = call.path.split("/", 2)
        if answer.status == 200 and self.analyzes:
            version = self.cloud.buckets.all[bucket].newest(key)
            summary = {"raw": {"key": key, "version": version.id}}
            results = self.cloud.buckets.all[self.cloud.bucket_name("analyzed")]
            results.put(key.replace(".log", ".json"), json.dumps(summary).encode())
        return answer
