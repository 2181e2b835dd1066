"""S3, path-style, as far as a deploy and a purge go: buckets, versions, delete markers, uploads.

After S3's API reference and `botocore/data/s3/2006-03-01/service-2.json`. Unlike many stand-ins it
asks for what S3 asks for: a LocationConstraint that fits the region, a checksum on DeleteObjects,
at most 1,000 keys there, an empty bucket before DeleteBucket; and it holds
`x-amz-expected-bucket-owner` against the owner.
"""

import base64
import datetime
import hashlib
import urllib.parse
import zlib

from wire import Answer, Refusal, document, flat, s3_refusal, unchunked

EMPTY = hashlib.md5(b"").hexdigest()


class Version:
    def __init__(self, key, number, body=None, marker=False):
        self.key, self.body, self.marker = key, body or b"", marker
        self.id = f"v{number:09d}"
        self.time = datetime.datetime.now(datetime.timezone.utc)
        self.etag = f'"{hashlib.md5(self.body).hexdigest()}"'


class Bucket:
    def __init__(self, name, owner, region):
        self.name, self.owner, self.region = name, owner, region
        self.versions = []
        self.uploads = []
        self.settings = {}
        # A text, and the stack's resource that it belongs to.
        self.policy, self.policy_of = None, None
        self.made = 0

    def put(self, key, body):
        return self._add(Version(key, self._number(), body))

    def mark_deleted(self, key):
        return self._add(Version(key, self._number(), marker=True))

    def begin_upload(self, key):
        self.uploads.append((key, f"upload-{self._number()}"))

    def _number(self):
        self.made += 1
        return self.made

    def _add(self, version):
        self.versions.append(version)
        return version

    def newest(self, key):
        for version in reversed(self.versions):
            if version.key == key:
                return None if version.marker else version
        return None

    def listed(self):
        """By key, and of one key the newest first, as S3 lists."""
        return sorted(self.versions, key=lambda v: (v.key, -int(v.id[1:])))


class Buckets:
    """The service. `account` is whose credentials ask."""

    def __init__(self, account, region):
        self.account, self.region = account, region
        self.all = {}

    def make(self, name, owner=None):
        self.all[name] = Bucket(name, owner or self.account, self.region)
        return self.all[name]

    def action(self, method, path, query):
        """The name that the API reference gives this request."""
        bucket, _, key = path.lstrip("/").partition("/")
        of_key = {
            "HEAD": "HeadObject",
            "PUT": "PutObject",
            "GET": "GetObject",
            "DELETE": "AbortMultipartUpload" if "uploadId" in query else "DeleteObject",
        }
        if key:
            return of_key.get(method, f"{method} of a key")
        settings = {
            "publicAccessBlock": "PublicAccessBlock",
            "encryption": "BucketEncryption",
            "versioning": "BucketVersioning",
            "ownershipControls": "BucketOwnershipControls",
            "tagging": "BucketTagging",
            "lifecycle": "BucketLifecycleConfiguration",
            "policy": "BucketPolicy",
        }
        for name, called in settings.items():
            if name in query:
                return f"{method.capitalize()}{called}"
        if method == "GET":
            for name, called in [
                ("versions", "ListObjectVersions"),
                ("uploads", "ListMultipartUploads"),
                ("list-type", "ListObjectsV2"),
            ]:
                if name in query:
                    return called
        if method == "POST" and "delete" in query:
            return "DeleteObjects"
        plain = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
        return plain.get(method, f"{method} of a bucket") if bucket else "ListBuckets"

    def answer(self, call):
        try:
            return self._answer(call)
        except Refusal as refusal:
            return s3_refusal(refusal, call.action.startswith("Head"))

    def _answer(self, call):
        name, _, key = urllib.parse.unquote(call.path).lstrip("/").partition("/")
        known = getattr(self, "_" + call.action, None)
        if call.action.startswith("Put") and call.action not in ("PutObject", "PutBucketPolicy"):
            known = self._setting
        if known is None:
            raise Refusal("NotImplemented", f"{call.action} is not played here", 501)
        if call.action == "CreateBucket":
            return self._CreateBucket(call, name)
        bucket = self.all.get(name)
        if bucket is None:
            raise Refusal("NoSuchBucket", "The specified bucket does not exist", 404)
        expected = call.headers.get("x-amz-expected-bucket-owner", bucket.owner)
        if expected != bucket.owner or bucket.owner != self.account:
            raise Refusal("AccessDenied", "Access Denied", 403)
        return known(call, bucket, key)

    def _HeadBucket(self, call, bucket, key):
        return Answer(headers={"x-amz-bucket-region": bucket.region})

    def _CreateBucket(self, call, name):
        wanted = document(call.body).findtext("LocationConstraint") if call.body else None
        if self.region == "us-east-1" and wanted is not None:
            raise Refusal(
                "InvalidLocationConstraint", "The specified location-constraint is not valid"
            )
        if self.region != "us-east-1" and wanted != self.region:
            said = (
                f"The {wanted or 'unspecified'} location constraint is incompatible for the "
                "region specific endpoint this request was sent to."
            )
            raise Refusal("IllegalLocationConstraintException", said)
        if name in self.all:
            mine = self.all[name].owner == self.account
            code = "BucketAlreadyOwnedByYou" if mine else "BucketAlreadyExists"
            raise Refusal(code, "The requested bucket name is not available.", 409)
        self.make(name)
        return Answer(headers={"Location": f"/{name}"})

    def _setting(self, call, bucket, key):
        bucket.settings[call.action.removeprefix("Put")] = document(call.body)
        return Answer()

    def _PutBucketPolicy(self, call, bucket, key):
        bucket.policy, bucket.policy_of = call.body.decode(), None
        return Answer(204)

    def _GetBucketPolicy(self, call, bucket, key):
        if bucket.policy is None:
            raise Refusal("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
        return Answer(body=bucket.policy, kind="application/json")

    def _DeleteBucketPolicy(self, call, bucket, key):
        bucket.policy, bucket.policy_of = None, None
        return Answer(204)

    def _DeleteBucket(self, call, bucket, key):
        if bucket.versions:
            said = (
                "The bucket you tried to delete is not empty. "
                "You must delete all versions in the bucket."
            )
            raise Refusal("BucketNotEmpty", said, 409)
        if bucket.uploads:
            raise Refusal("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        del self.all[bucket.name]
        return Answer(204)

    def _HeadObject(self, call, bucket, key):
        version = bucket.newest(key)
        if version is None:
            raise Refusal("NotFound", "Not Found", 404)
        return Answer(
            body=version.body,
            kind="binary/octet-stream",
            headers={"ETag": version.etag, "x-amz-version-id": version.id},
        )

    def _GetObject(self, call, bucket, key):
        version = bucket.newest(key)
        if version is None:
            raise Refusal("NoSuchKey", "The specified key does not exist.", 404)
        return Answer(
            body=version.body,
            kind="binary/octet-stream",
            headers={"ETag": version.etag, "x-amz-version-id": version.id},
        )

    def _PutObject(self, call, bucket, key):
        body, trailers = call.body, {}
        if "aws-chunked" in call.headers.get("content-encoding", ""):
            body, trailers = unchunked(body)
        sums = {**call.headers, **trailers}
        _check(body, sums)
        # "Uploads the object only if the object key name does not already exist in the bucket
        # specified. Otherwise, Amazon S3 returns a 412 Precondition Failed error." (API reference,
        # PutObject.) A key whose newest version is a delete marker does not exist.
        if call.headers.get("if-none-match") == "*" and bucket.newest(key):
            said = "At least one of the pre-conditions you specified did not hold"
            raise Refusal("PreconditionFailed", said, 412)
        version = bucket.put(key, body)
        call.stored, call.sums = body, sums
        return Answer(headers={"ETag": version.etag, "x-amz-version-id": version.id})

    def _ListObjectVersions(self, call, bucket, key):
        query = call.query
        most = min(int(query.get("max-keys", 1000)), 1000)
        prefix = query.get("prefix", "")
        left = [v for v in bucket.listed() if v.key.startswith(prefix)]
        after, after_id = query.get("key-marker"), query.get("version-id-marker")
        if after_id and not after:
            raise Refusal(
                "InvalidArgument", "A version-id marker cannot be specified without a key marker."
            )
        if after:
            left = [
                v
                for v in left
                if v.key > after
                or (after_id and v.key == after and int(v.id[1:]) < int(after_id[1:]))
            ]
        page, rest = left[:most], left[most:]
        coded = query.get("encoding-type") == "url"
        written = urllib.parse.quote if coded else str
        pairs = [("Name", bucket.name), ("Prefix", prefix), ("KeyMarker", written(after or ""))]
        pairs += [
            ("VersionIdMarker", after_id or ""),
            ("MaxKeys", most),
            ("IsTruncated", bool(rest)),
        ]
        if rest:
            pairs += [
                ("NextKeyMarker", written(page[-1].key)),
                ("NextVersionIdMarker", page[-1].id),
            ]
        if coded:
            pairs.append(("EncodingType", "url"))
        owner = {"ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"}
        latest = {version.key: version for version in bucket.versions}
        for version in page:
            one = {
                "Key": written(version.key),
                "VersionId": version.id,
                "IsLatest": latest[version.key] is version,
                "LastModified": version.time,
            }
            if version.marker:
                pairs.append(("DeleteMarker", {**one, "Owner": owner}))
            else:
                more = {"ETag": version.etag, "Size": len(version.body), "StorageClass": "STANDARD"}
                pairs.append(("Version", {**one, **more, "Owner": owner}))
        return Answer(body=flat("ListVersionsResult", pairs), kind="application/xml")

    def _DeleteObjects(self, call, bucket, key):
        if not any(h == "content-md5" or h.startswith("x-amz-checksum-") for h in call.headers):
            raise Refusal("InvalidRequest", "Missing required header for this request: Content-MD5")
        _check(call.body, call.headers)
        root = document(call.body)
        wanted = [(o.findtext("Key"), o.findtext("VersionId")) for o in root.iter("Object")]
        if not 1 <= len(wanted) <= 1000:
            raise Refusal(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our "
                "published schema",
            )
        quiet = root.findtext("Quiet") == "true"
        pairs, gone, denied = [], set(), getattr(bucket, "locked", set())
        for name, version in wanted:
            if (name, version) in denied:
                error = {
                    "Key": name,
                    "VersionId": version,
                    "Code": "AccessDenied",
                    "Message": "Access Denied",
                }
                pairs.append(("Error", error))
            elif version is None:
                bucket.mark_deleted(name)
            else:
                gone.add((name, version))
                if not quiet:
                    pairs.append(("Deleted", {"Key": name, "VersionId": version}))
        bucket.versions = [v for v in bucket.versions if (v.key, v.id) not in gone]
        call.wanted = wanted
        return Answer(body=flat("DeleteResult", pairs), kind="application/xml")

    def _ListMultipartUploads(self, call, bucket, key):
        after = (call.query.get("key-marker", ""), call.query.get("upload-id-marker", ""))
        most = min(int(call.query.get("max-uploads", 1000)), 1000)
        left = sorted(upload for upload in bucket.uploads if upload > after)
        page, rest = left[:most], left[most:]
        pairs = [("Bucket", bucket.name), ("KeyMarker", after[0]), ("UploadIdMarker", after[1])]
        if rest:
            pairs += [("NextKeyMarker", page[-1][0]), ("NextUploadIdMarker", page[-1][1])]
        pairs += [("MaxUploads", most), ("IsTruncated", bool(rest))]
        now = datetime.datetime.now(datetime.timezone.utc)
        for name, upload in page:
            pairs.append(("Upload", {"Key": name, "UploadId": upload, "Initiated": now}))
        return Answer(body=flat("ListMultipartUploadsResult", pairs), kind="application/xml")

    def _AbortMultipartUpload(self, call, bucket, key):
        one = (key, call.query["uploadId"])
        if one not in bucket.uploads:
            raise Refusal("NoSuchUpload", "The specified upload does not exist.", 404)
        bucket.uploads.remove(one)
        return Answer(204)


def _check(body, sums):
    """A checksum that was sent and is wrong is refused, as S3 does."""
    true = {
        "x-amz-checksum-sha256": hashlib.sha256(body).digest(),
        "x-amz-checksum-crc32": zlib.crc32(body).to_bytes(4, "big"),
        "content-md5": hashlib.md5(body).digest(),
    }
    for name, value in true.items():
        if name in sums and base64.b64decode(sums[name]) != value:
            raise Refusal(
                "BadDigest", f"The {name} you specified did not match the calculated checksum."
            )
