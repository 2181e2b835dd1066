"""The compiled functions with a foreign S3 that enforces signatures, lengths and checksums.

Garage sends no events: S3's event is put together here. It keeps no versions of objects, so the
event names none (a PUT's answer does, but no later answer knows it), and analyze-log tells bodies
apart by their ETags.
"""

import hashlib
import json
import re
import urllib.error

import pytest
from cloud import ANALYZED, RAW
from scenes import CSV, DAY, LOG, arrived, given_url, put, result, results, send, wide


def bound_url(cloud, server, body=LOG):
    """A URL for this body and no other."""
    sha256 = hashlib.sha256(body).hexdigest()
    return given_url(cloud, server, size=str(len(body)), sha256=sha256)


def stored(cloud, server):
    """The raw log as it stands there, if it does."""
    try:
        return cloud.s3().get_object(Bucket=RAW, Key=f"{server}/{DAY}.log")["Body"].read()
    except cloud.s3().exceptions.NoSuchKey:
        return None


def refusal(url, body, headers, method="PUT"):
    with pytest.raises(urllib.error.HTTPError) as refused:
        send(url, body, headers, method)
    return refused.value.code, re.search(rb"<Code>(\w+)</Code>", refused.value.read())[1].decode()


def another(text):
    """The text with its last hexadecimal digit changed."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def test_the_very_bytes_are_taken(cloud):
    put(bound_url(cloud, "good"), LOG)
    assert stored(cloud, "good") == LOG


def test_other_bytes_and_lengths_are_refused(cloud):
    given = bound_url(cloud, "other")
    url, headers = given["url"], given["headers"]
    assert refusal(url, LOG[::-1], headers) == (400, "InvalidDigest")
    # The length that is sent is not the one that was signed.
    longer = LOG + b"x"
    claimed = headers | {"content-length": str(len(longer))}
    assert refusal(url, longer, claimed)[0] == 403
    assert refusal(url, LOG[:-1], headers | {"content-length": str(len(LOG) - 1)})[0] == 403
    # Neither is the checksum.
    honest = {"x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}
    assert refusal(url, b"", headers | honest | {"content-length": "0"})[0] == 403
    assert stored(cloud, "other") is None
    put(given, LOG)
    assert stored(cloud, "other") == LOG


def test_what_was_signed_cannot_be_changed(cloud):
    given = bound_url(cloud, "tampered")
    url, headers = given["url"], given["headers"]
    signature = re.search(r"X-Amz-Signature=([0-9a-f]{64})", url)[1]
    for said, changed in {
        "signature": url.replace(signature, another(signature)),
        "object": url.replace("/tampered/", "/somebody/"),
        "bucket": url.replace(f"/{RAW}/", f"/{ANALYZED}/"),
        "life": url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        "signer": url.replace(cloud.keys["generate-url"][0], cloud.keys["analyze-log"][0]),
    }.items():
        assert changed != url, said
        assert refusal(changed, LOG, headers)[0] == 403, said
    for method in ["GET", "DELETE", "POST"]:
        assert refusal(url, LOG if method == "POST" else None, headers, method)[0] in (400, 403)
    assert stored(cloud, "tampered") is None and stored(cloud, "somebody") is None
    put(given, LOG)
    assert stored(cloud, "tampered") == LOG


def test_from_url_to_results(cloud):
    given = bound_url(cloud, "web01")
    put(given, LOG)
    assert cloud.invoke("analyze-log", arrived(given["key"])) == (200, None), cloud.trouble()
    assert results(cloud, "web01") == {f"web01/{DAY}.{end}" for end in ["csv", "json", "png", "svg"]}
    assert result(cloud, "web01", "csv") == CSV
    first = json.loads(result(cloud, "web01", "json"))["raw"]
    assert first["version"].startswith("etag:")

    # Another body, then a refused one.
    put(given_url(cloud, "web01"), LOG + b"this is no sample line\n")
    assert cloud.invoke("analyze-log", arrived(given["key"])) == (200, None), cloud.trouble()
    assert f"web01/{DAY}.rejects.jsonl" in results(cloud, "web01")
    second = json.loads(result(cloud, "web01", "json"))["raw"]
    assert second["version"] != first["version"]
    event = arrived(given["key"], source="198.51.100.1")
    assert cloud.invoke("analyze-log", event) == (200, None), cloud.trouble()
    assert results(cloud, "web01") == {f"web01/{DAY}.json"}
    assert "198.51.100.1" in json.loads(result(cloud, "web01", "json"))["refused"]


def test_a_result_that_goes_in_parts(cloud):
    log, csv = wide()
    given = bound_url(cloud, "wide", log)
    put(given, log)
    assert cloud.invoke("analyze-log", arrived(given["key"])) == (200, None), cloud.trouble()
    assert result(cloud, "wide", "csv") == csv
    assert "Uploads" not in cloud.s3().list_multipart_uploads(Bucket=ANALYZED)
