"""Debian's s3cmd against serve."""

import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
from conftest import ANALYZED, RAW, needs


def s3cmd(serve, *args, check=True):
    key, secret = serve.keys()
    host = urllib.parse.urlsplit(serve.url).netloc
    options = [
        "--config=/dev/null",
        f"--access_key={key}",
        f"--secret_key={secret}",
        f"--host={host}",
        f"--host-bucket={host}",
        "--region=local",
        "--no-ssl",
    ]
    done = subprocess.run(
        [needs("s3cmd"), *options, *args], capture_output=True, text=True, timeout=120
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def test_objects_round_trip_in_one_piece_and_in_parts(serve, tmp_path):
    for name, size in [("small.txt", 10), ("empty.txt", 0), ("large.bin", 12 << 20)]:
        up, down = tmp_path / name, tmp_path / f"{name}.back"
        up.write_bytes(b"s" * size)
        there = f"s3://{RAW}/s3cmd/{name}"
        s3cmd(serve, "put", "--multipart-chunk-size-mb=5", str(up), there)
        s3cmd(serve, "get", there, str(down))
        assert down.read_bytes() == up.read_bytes()
    assert "large.bin" in s3cmd(serve, "ls", f"s3://{RAW}/s3cmd/").stdout


def test_metadata_can_be_modified_and_results_deleted(serve, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n")
    there = f"s3://{ANALYZED}/s3cmd/a.csv"
    s3cmd(serve, "put", str(path), there)
    s3cmd(serve, "modify", "--add-header=x-amz-meta-who:me", there)
    head = serve.s3().head_object(Bucket=ANALYZED, Key="s3cmd/a.csv")
    assert head["Metadata"]["who"] == "me"
    refused = s3cmd(serve, "cp", there, f"s3://{ANALYZED}/s3cmd/b.csv", check=False)
    assert refused.returncode != 0 and "copies no objects" in refused.stderr, refused.stderr
    # s3cmd signs URLs by version 2 alone.
    url = s3cmd(serve, "signurl", there, "+60").stdout.strip()
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(url)
    assert refusal.value.code == 403 and "sign with version 4" in refusal.value.read().decode()
    s3cmd(serve, "del", there)
    assert s3cmd(serve, "ls", f"s3://{ANALYZED}/s3cmd/").stdout == ""
