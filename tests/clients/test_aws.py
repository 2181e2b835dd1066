"""The AWS command line against serve, with the credentials that serve made."""

import json
import os
import stat
import time
import urllib.request

from conftest import ANALYZED, RAW, ROOT

LOG = ROOT / "testdata" / "document.log"


def test_credentials_are_private_and_work_when_sourced(serve):
    for name in ["credentials", "credentials.env"]:
        mode = stat.S_IMODE(os.stat(serve.data / name).st_mode)
        assert mode == 0o600, f"{name} has mode {mode:o}"
    key, secret = serve.keys()
    sourced = (serve.data / "credentials.env").read_text()
    assert key in sourced and secret in sourced


def test_ls_recursive_shows_deliveries_and_results(serve):
    serve.aws("s3", "cp", str(LOG), f"s3://{RAW}/lister/2019-08-01.log")
    serve.result("lister/2019-08-01.json")
    raw = serve.aws("s3", "ls", f"s3://{RAW}", "--recursive").stdout.decode()
    assert "lister/2019-08-01.log" in raw
    results = serve.aws("s3", "ls", f"s3://{ANALYZED}/lister/", "--recursive").stdout.decode()
    assert [line.split()[-1] for line in results.splitlines()] == [
        "lister/2019-08-01.csv",
        "lister/2019-08-01.json",
        "lister/2019-08-01.svg",
    ]
    buckets = serve.aws("s3", "ls").stdout.decode()
    assert RAW in buckets and ANALYZED in buckets


def test_fifty_megabytes_go_up_in_parts_and_come_back(serve, tmp_path):
    up, down = tmp_path / "up.bin", tmp_path / "down.bin"
    up.write_bytes(os.urandom(1 << 20) * 50)
    serve.aws("s3", "cp", str(up), f"s3://{RAW}/large/up.bin")
    serve.aws("s3", "cp", f"s3://{RAW}/large/up.bin", str(down))
    assert down.read_bytes() == up.read_bytes()
    head = json.loads(
        serve.aws("s3api", "head-object", "--bucket", RAW, "--key", "large/up.bin").stdout
    )
    assert head["ContentLength"] == 50 << 20
    assert head["ETag"].strip('"').endswith("-7")


def test_standard_input_goes_up_and_comes_down(serve):
    serve.aws("s3", "cp", "-", f"s3://{RAW}/stdin/note.txt", input=b"from a pipe\n")
    back = serve.aws("s3", "cp", f"s3://{RAW}/stdin/note.txt", "-").stdout
    assert back == b"from a pipe\n"


def test_raw_logs_cannot_be_deleted_but_results_can(serve):
    serve.aws("s3", "cp", str(LOG), f"s3://{RAW}/keeper/2019-08-01.log")
    serve.result("keeper/2019-08-01.json")
    refused = serve.aws("s3", "rm", f"s3://{RAW}/keeper/2019-08-01.log", check=False)
    assert refused.returncode != 0
    assert b"AccessDenied" in refused.stderr
    serve.aws("s3", "rm", f"s3://{ANALYZED}/keeper/2019-08-01.csv")
    left = serve.aws("s3", "ls", f"s3://{ANALYZED}/keeper/").stdout.decode()
    assert ".csv" not in left and ".json" in left


def test_sync_uploads_a_folder(serve, tmp_path):
    for name in ["a.txt", "b/c.txt", "b/日本語.txt"]:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    serve.aws("s3", "sync", str(tmp_path / "tree"), f"s3://{RAW}/tree")
    again = serve.aws("s3", "sync", str(tmp_path / "tree"), f"s3://{RAW}/tree").stdout
    assert again == b"", "a second sync has nothing to do"
    serve.aws("s3", "sync", f"s3://{RAW}/tree", str(tmp_path / "back"))
    assert (tmp_path / "back" / "b" / "日本語.txt").read_text() == "b/日本語.txt"


def test_an_empty_file_holds_up_no_sync(serve, tmp_path):
    """botocore up to 1.43 takes the answer to an empty PUT for the 100 that it waits for, and then
    waits 30 s for the answer to the next PUT of that connection."""
    (tmp_path / "empty.log").touch()
    for number in range(14):
        (tmp_path / f"{number:02}.log").write_text("x" * 20_000)
    begin = time.monotonic()
    serve.aws("s3", "sync", str(tmp_path), f"s3://{RAW}/with-empty")
    assert time.monotonic() - begin < 20
    listed = serve.aws("s3", "ls", f"s3://{RAW}/with-empty/").stdout.decode()
    assert len(listed.splitlines()) == 15


def test_a_url_presigned_with_the_credentials_as_handed_out_is_accepted(serve):
    serve.aws("s3", "cp", "-", f"s3://{ANALYZED}/presigned.csv", input=b"hi\n")
    url = serve.aws("s3", "presign", f"s3://{ANALYZED}/presigned.csv").stdout.decode().strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"hi\n"


def test_the_end_of_a_large_upload_is_not_silent(serve, tmp_path):
    """The parts are put together for longer than the client waits for a byte."""
    with open(tmp_path / "half", "wb") as half:
        half.truncate(512 << 20)
    serve.aws(
        "s3", "cp", str(tmp_path / "half"), f"s3://{ANALYZED}/half", "--cli-read-timeout", "3"
    )
    head = serve.s3().head_object(Bucket=ANALYZED, Key="half")
    assert head["ContentLength"] == 512 << 20
    serve.s3().delete_object(Bucket=ANALYZED, Key="half")
