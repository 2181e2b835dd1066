"""boto3 against serve, and botocore as the judge of our presigned URLs."""

import datetime
import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest
from conftest import ANALYZED, RAW, ROOT

LOG = (ROOT / "testdata" / "document.log").read_bytes()


def put(url, body, headers=None, method="PUT"):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    # urllib invents a Content-Type; S3 would not mind, but a signed one would.
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(serve, body=None, **query):
    if body is not None:
        query["size"] = len(body)
        query["sha256"] = hashlib.sha256(body).hexdigest()
    request = urllib.request.Request(
        f"{serve.url}/?{urllib.parse.urlencode(query)}", headers={"Accept": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_objects_round_trip_with_metadata_and_ranges(serve):
    s3 = serve.s3()
    s3.put_object(
        Bucket=RAW, Key="boto/a b+c.txt", Body=b"0123456789", Metadata={"origin": "test"}
    )
    head = s3.head_object(Bucket=RAW, Key="boto/a b+c.txt")
    assert head["Metadata"] == {"origin": "test"}
    assert head["ETag"] == '"781e5e245d69b566979b86e28d23f2c7"'  # printf 0123456789 | md5sum
    part = s3.get_object(Bucket=RAW, Key="boto/a b+c.txt", Range="bytes=2-4")
    assert part["Body"].read() == b"234"
    assert part["ContentRange"] == "bytes 2-4/10"
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidRange"):
        s3.get_object(Bucket=RAW, Key="boto/a b+c.txt", Range="bytes=10-")


def test_lists_of_both_versions_agree_and_page(serve):
    s3 = serve.s3()
    names = [f"pages/{i:03}.txt" for i in range(25)]
    for name in names:
        s3.put_object(Bucket=RAW, Key=name, Body=b"x")
    for operation in ["list_objects", "list_objects_v2"]:
        pages = s3.get_paginator(operation).paginate(
            Bucket=RAW, Prefix="pages/", PaginationConfig={"PageSize": 10}
        )
        assert [o["Key"] for page in pages for o in page.get("Contents", [])] == names
    folders = s3.list_objects_v2(Bucket=RAW, Delimiter="/", Prefix="pa")
    assert [p["Prefix"] for p in folders["CommonPrefixes"]] == ["pages/"]


def test_different_bytes_make_a_version_and_equal_bytes_none(serve):
    s3 = serve.s3()
    for body in [LOG, LOG, LOG + b"\n", LOG + b"\n"]:
        s3.put_object(Bucket=RAW, Key="versions/2019-08-01.log", Body=body)
    versions = s3.list_object_versions(Bucket=RAW, Prefix="versions/")["Versions"]
    assert [v["IsLatest"] for v in versions] == [True, False]
    oldest = versions[1]["VersionId"]
    old = s3.get_object(Bucket=RAW, Key="versions/2019-08-01.log", VersionId=oldest)
    assert old["Body"].read() == LOG


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_trailing_checksums_are_verified(serve, algorithm):
    s3 = serve.s3()
    key = f"checksums/{algorithm}"
    s3.put_object(Bucket=RAW, Key=key, Body=LOG, ChecksumAlgorithm=algorithm)
    assert s3.get_object(Bucket=RAW, Key=key)["Body"].read() == LOG
    wrong = {f"Checksum{algorithm}": "AAAA" + "A" * (28 if algorithm == "SHA1" else 44)}
    wrong = {"CRC32": "AAAAAA==", "SHA1": "A" * 27 + "=", "SHA256": "A" * 43 + "="}[algorithm]
    with pytest.raises(botocore.exceptions.ClientError):
        s3.put_object(
            Bucket=RAW, Key=key + "-wrong", Body=LOG, **{f"Checksum{algorithm}": wrong}
        )
    with pytest.raises(botocore.exceptions.ClientError, match="404"):
        s3.head_object(Bucket=RAW, Key=key + "-wrong")


def test_boto3s_presigned_urls_are_accepted(serve):
    s3 = serve.s3()
    params = {"Bucket": RAW, "Key": "presigned/2019-08-01.log"}
    url = s3.generate_presigned_url("put_object", Params=params, ExpiresIn=60)
    assert put(url, LOG, {"Content-Type": ""})[0] == 200
    url = s3.generate_presigned_url("get_object", Params=params, ExpiresIn=60)
    assert put(url, None, method="GET") == (200, LOG.decode())


@pytest.mark.parametrize("bound", [False, True])
def test_our_signature_is_botocores(serve, bound):
    """The same instant, key and headers give the same signature, character for character."""
    answer = ask(serve, LOG if bound else None, server="judge", date="2019-08-01")
    ours = urllib.parse.urlsplit(answer["url"])
    query = dict(urllib.parse.parse_qsl(ours.query))
    key, secret = read_signing_key(serve)
    assert query["X-Amz-Credential"].split("/")[0] == key
    region = query["X-Amz-Credential"].split("/")[2]
    instant = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    headers = {k: v for k, v in answer["headers"].items()}
    request = botocore.awsrequest.AWSRequest(
        method="PUT", url=f"{ours.scheme}://{ours.netloc}{ours.path}", headers=headers
    )
    signer = botocore.auth.S3SigV4QueryAuth(
        botocore.credentials.Credentials(key, secret), "s3", region, expires=300
    )
    with mock.patch("botocore.auth.get_current_datetime", return_value=instant):
        signer.add_auth(request)
    theirs = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))
    assert query == theirs


def read_signing_key(serve):
    lines = (serve.data / "signing-key").read_text().splitlines()
    pairs = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
    return pairs["aws_access_key_id"], pairs["aws_secret_access_key"]


def test_a_bound_url_is_good_for_those_bytes_alone(serve):
    answer = ask(serve, LOG, server="bound", date="2019-08-01")
    headers = {**answer["headers"], "Content-Type": ""}
    other = LOG[:-1] + b"!"
    status, body = put(answer["url"], other, headers)
    assert status == 400 and "BadDigest" in body, body
    status, body = put(answer["url"], LOG + b"\n", {**headers, "content-length": str(len(LOG) + 1)})
    assert status == 403, body
    without = {k: v for k, v in headers.items() if "checksum" not in k}
    status, body = put(answer["url"], LOG, without)
    assert status == 403, body
    left = serve.s3().list_objects_v2(Bucket=RAW, Prefix="bound/")
    assert left["KeyCount"] == 0
    assert put(answer["url"], LOG, headers)[0] == 200
    serve.result("bound/2019-08-01.json")


def test_headers_that_a_signer_moved_into_the_query_are_kept(serve):
    env = serve.environment()
    keys = botocore.credentials.Credentials(
        env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]
    )

    def presigned(query):
        url = f"{serve.url}/{ANALYZED}/hoisted?{query}"
        request = botocore.awsrequest.AWSRequest(method="PUT", url=url)
        botocore.auth.S3SigV4QueryAuth(keys, "s3", "local", expires=60).add_auth(request)
        return request.url

    assert put(presigned("x-amz-meta-who=me"), b"x", {"Content-Type": ""})[0] == 200
    head = serve.s3().head_object(Bucket=ANALYZED, Key="hoisted")
    assert head["Metadata"] == {"who": "me"}
    status, body = put(presigned("x-amz-tagging=a%3Db"), b"x", {"Content-Type": ""})
    assert status == 501 and "x-amz-tagging" in body, body


def test_the_answer_to_a_complete_may_get_lost(serve):
    s3 = serve.s3()
    place = {"Bucket": ANALYZED, "Key": "lost"}
    upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"whole")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert again["ETag"] == first["ETag"]
    assert s3.get_object(**place, PartNumber=1)["PartsCount"] == 1


def test_versions_of_a_bucket_without_versions_can_be_read_and_deleted(serve):
    s3 = serve.s3()
    s3.put_object(Bucket=ANALYZED, Key="null/v.csv", Body=b"hi")
    (version,) = s3.list_object_versions(Bucket=ANALYZED, Prefix="null/")["Versions"]
    place = {"Bucket": ANALYZED, "Key": version["Key"], "VersionId": version["VersionId"]}
    assert s3.get_object(**place)["Body"].read() == b"hi"
    s3.head_object(**place)
    deleted = s3.delete_objects(
        Bucket=ANALYZED,
        Delete={"Objects": [{"Key": version["Key"], "VersionId": version["VersionId"]}]},
    )
    assert "Errors" not in deleted
    assert s3.list_objects_v2(Bucket=ANALYZED, Prefix="null/")["KeyCount"] == 0


def test_a_delete_that_names_an_etag_deletes_nothing_else(serve):
    s3 = serve.s3()
    s3.put_object(Bucket=ANALYZED, Key="p.csv", Body=b"hi")
    named = {"Objects": [{"Key": "p.csv", "ETag": '"bad"'}]}
    answer = s3.delete_objects(Bucket=ANALYZED, Delete=named)
    assert [error["Code"] for error in answer["Errors"]] == ["PreconditionFailed"]
    assert s3.get_object(Bucket=ANALYZED, Key="p.csv")["Body"].read() == b"hi"


def test_an_unsigned_header_cannot_turn_a_put_into_a_copy(serve):
    serve.s3().put_object(Bucket=RAW, Key="secret/2019-08-01.log", Body=b"not for everybody")
    answer = ask(serve, server="thief", date="2019-08-01")
    source = {"x-amz-copy-source": f"/{RAW}/secret/2019-08-01.log", "Content-Type": ""}
    status, body = put(answer["url"], b"", source)
    assert status == 403, body
    assert "x-amz-copy-source" in body
    assert serve.s3().list_objects_v2(Bucket=RAW, Prefix="thief/")["KeyCount"] == 0


def test_the_urls_key_can_do_nothing_but_put(serve):
    key, secret = read_signing_key(serve)
    import boto3

    s3 = boto3.client(
        "s3",
        endpoint_url=serve.url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    for call in [
        lambda: s3.list_buckets(),
        lambda: s3.get_object(Bucket=RAW, Key="secret/2019-08-01.log"),
        lambda: s3.put_object(Bucket=ANALYZED, Key="forged/2019-08-01.csv", Body=b"x"),
    ]:
        with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
            call()


def test_unsigned_requests_see_nothing(serve):
    for path in [f"/{RAW}", f"/{RAW}/secret/2019-08-01.log", f"/{ANALYZED}?list-type=2"]:
        assert put(serve.url + path, None, method="GET")[0] == 403


def test_rubbish_becomes_rejects_and_never_an_error(serve):
    s3 = serve.s3()
    rubbish = bytes(range(256)) * 40 + b"\n" + LOG + b"\xff\xfe broken\n"
    s3.put_object(Bucket=RAW, Key="rubbish/2019-08-01.log", Body=rubbish)
    summary = json.loads(serve.result("rubbish/2019-08-01.json"))["log"]
    assert summary["rows"] == 5
    rejects = serve.result("rubbish/2019-08-01.rejects.jsonl").decode().splitlines()
    assert len(rejects) == summary["rejects"]["count"] > 0
    assert all({"line", "offset", "length", "reason"} <= json.loads(r).keys() for r in rejects)


def test_a_better_log_replaces_results_and_removes_stale_rejects(serve):
    s3 = serve.s3()
    s3.put_object(Bucket=RAW, Key="healed/2019-08-01.log", Body=LOG + b"broken line\n")
    serve.result("healed/2019-08-01.rejects.jsonl")
    s3.put_object(Bucket=RAW, Key="healed/2019-08-01.log", Body=LOG)
    deadline = time.monotonic() + 30
    while b'"sha256": "' + hashlib.sha256(LOG).hexdigest().encode() not in serve.result(
        "healed/2019-08-01.json"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    left = s3.list_objects_v2(Bucket=ANALYZED, Prefix="healed/")["Contents"]
    assert [o["Key"].rpartition(".")[2] for o in left] == ["csv", "json", "svg"]


def test_gzip_is_seen_by_its_magic(serve):
    import gzip

    s3 = serve.s3()
    s3.put_object(Bucket=RAW, Key="gzip/2019-08-01.log", Body=gzip.compress(LOG))
    csv = serve.result("gzip/2019-08-01.csv")
    assert csv == (ROOT / "testdata" / "document.csv").read_bytes()
