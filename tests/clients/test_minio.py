"""MinIO's client for Python against serve."""

import datetime
import io
import urllib.parse
import urllib.request

import pytest
from conftest import ANALYZED, RAW
from minio import Minio
from minio.error import S3Error


@pytest.fixture
def client(serve):
    key, secret = serve.keys()
    host = urllib.parse.urlsplit(serve.url).netloc
    return Minio(host, access_key=key, secret_key=secret, secure=False)


def put(client, key, body, **more):
    client.put_object(ANALYZED, key, io.BytesIO(body), len(body), **more)


def get(client, key, **more):
    answer = client.get_object(ANALYZED, key, **more)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def test_objects_round_trip_in_one_piece_and_in_parts(client):
    assert {bucket.name for bucket in client.list_buckets()} == {ANALYZED, RAW}
    put(client, "minio/日本 +.txt", b"0123456789", metadata={"who": "me"})
    assert get(client, "minio/日本 +.txt") == b"0123456789"
    assert get(client, "minio/日本 +.txt", offset=2, length=3) == b"234"
    assert client.stat_object(ANALYZED, "minio/日本 +.txt").metadata["x-amz-meta-who"] == "me"
    large = b"m" * (12 << 20)
    put(client, "minio/large", large, part_size=5 << 20)
    assert get(client, "minio/large") == large
    put(client, "minio/empty", b"")
    assert get(client, "minio/empty") == b""
    names = [found.object_name for found in client.list_objects(ANALYZED, "minio/")]
    assert names == ["minio/empty", "minio/large", "minio/日本 +.txt"]


def test_presigned_urls_are_accepted(client):
    put(client, "minio/presigned", b"hi")
    life = datetime.timedelta(minutes=1)
    url = client.presigned_get_object(ANALYZED, "minio/presigned", expires=life)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hi"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_errors_say_of_what_and_in_which_request(client):
    with pytest.raises(S3Error) as error:
        client.stat_object(ANALYZED, "minio/none")
    assert error.value.code == "NoSuchKey"
    with pytest.raises(S3Error) as error:
        get(client, "minio/none")
    assert error.value.code == "NoSuchKey" and error.value.request_id
    with pytest.raises(S3Error) as error:
        client.remove_object(RAW, "web01/2019-08-01.log")
    assert error.value.code == "AccessDenied"
