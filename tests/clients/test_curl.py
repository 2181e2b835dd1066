"""Debian's curl, as a cron job would use it."""

import datetime
import os
import re
import subprocess

import pytest
from conftest import ANALYZED, ROOT, needs

LOG = ROOT / "testdata" / "document.log"
CSV = ROOT / "testdata" / "document.csv"


def curl(*args):
    done = subprocess.run([needs("curl"), "-sS", *args], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def status_and_body(*args):
    text = curl("-o", "-", "-w", "\n%{http_code}", *args)
    body, _, status = text.rpartition("\n")
    return int(status), body


def put(url, path):
    return status_and_body("-X", "PUT", "--upload-file", str(path), url)


def test_two_curls_deliver_a_log(serve):
    url = curl("-L", f"{serve.url}?server=web01&date=2019-08-01")
    assert url.startswith("http")
    status, _ = put(url, LOG)
    assert status == 200
    assert serve.result("web01/2019-08-01.csv") == CSV.read_bytes()
    assert serve.result("web01/2019-08-01.svg").startswith(b"<svg")
    assert b'"rows": 5' in serve.result("web01/2019-08-01.json")


def test_the_seeds_own_script_delivers(serve, seed, tmp_path):
    script = (seed / "restored" / "log2aws.sh").read_text()
    yesterday = (datetime.date.today() - datetime.timedelta(days=1)).isoformat()
    (tmp_path / f"{yesterday}.log").write_bytes(LOG.read_bytes())
    values = {"gen_url": f"{serve.url}/", "server": "seed-script", "log_dir": str(tmp_path)}
    for name, value in values.items():
        script, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", script)
        assert count == 1
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stdout
    assert serve.result(f"seed-script/{yesterday}.csv") == CSV.read_bytes()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("server=web01&date=2019-02-30", "does not exist"),
        ("server=web01&date=yesterday", "YYYY-MM-DD"),
        ("server=..&date=2019-08-01", "begins with '.'"),
        ("server=%2e%2e&date=2019-08-01", "begins with '.'"),
        ("server=a%2fb&date=2019-08-01", "contains '/'"),
        ("server=&date=2019-08-01", "empty"),
        (f"server={'a' * 300}&date=2019-08-01", "at most 253"),
        ("server=%E3%82%B5%E3%83%BC%E3%83%90&date=2019-08-01", "contains"),
        ("server=web01", "date"),
        ("date=2019-08-01", "server"),
        ("server=web01&date=2019-08-01&size=12", "sha256"),
        (f"server=web01&date=2019-08-01&size=-1&sha256={'0' * 64}", "size"),
        ("server=web01&date=2019-08-01&size=12&sha256=abc", "sha256"),
    ],
)
def test_bad_requests_are_refused_with_a_reason(serve, query, reason):
    status, body = status_and_body(f"{serve.url}/?{query}")
    assert status == 400, body
    assert reason in body
    assert body.count("\n") <= 1


def test_an_address_off_the_list_gets_no_url(serve_in):
    closed = serve_in("closed", "--allow-hosts", "203.0.113.7")
    status, body = status_and_body(f"{closed.url}/?server=web01&date=2019-08-01")
    assert status == 403
    assert "127.0.0.1" not in body
    assert "127.0.0.1" in closed.log()


def test_an_altered_url_is_refused(serve):
    url = curl(f"{serve.url}/?server=altered&date=2019-08-01")
    for wrong in [
        re.sub(r"X-Amz-Signature=.", "X-Amz-Signature=0", url, count=1)
        if "X-Amz-Signature=0" not in url
        else url.replace("X-Amz-Signature=0", "X-Amz-Signature=1"),
        url.replace("/altered/", "/another/"),
        url.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
    ]:
        status, body = put(wrong, LOG)
        assert status == 403, body
        assert "SignatureDoesNotMatch" in body
    status, body = status_and_body("-X", "DELETE", url)
    assert status == 403


def test_curl_signs_requests_of_its_own(serve):
    """`--aws-sigv4`, in whatever region."""
    key, secret = serve.keys()
    # Debian's curl signs the body's hash only if it is told of it.
    signed = ["--aws-sigv4", "aws:amz:anywhere:s3", "--user", f"{key}:{secret}",
              "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    there = f"{serve.url}/{ANALYZED}/curl/a.csv"
    assert status_and_body(*signed, "--upload-file", str(LOG), there)[0] == 200
    assert status_and_body(*signed, there) == (200, LOG.read_text())
    assert status_and_body(*signed, "-r", "-10", there) == (206, LOG.read_text()[-10:])
    listed = status_and_body(*signed, f"{serve.url}/{ANALYZED}?list-type=2&prefix=curl%2F")
    assert listed[0] == 200 and "<Key>curl/a.csv</Key>" in listed[1]
    assert status_and_body(*signed, "-X", "DELETE", there)[0] == 204
    status, body = status_and_body(*signed, there)
    assert status == 404 and "NoSuchKey" in body
    wrong = [word.replace(secret, secret[::-1]) for word in signed]
    status, body = status_and_body(*wrong, there)
    assert status == 403 and "SignatureDoesNotMatch" in body


def test_no_secret_is_logged(serve):
    url = curl(f"{serve.url}/?server=quiet&date=2019-08-01")
    assert put(url, LOG)[0] == 200
    serve.result("quiet/2019-08-01.json")
    assert "X-Amz-Signature" not in serve.log()
    assert serve.keys()[1] not in serve.log()


def test_curl_waits_for_100_continue_before_a_large_body(serve, tmp_path):
    big = tmp_path / "big.log"
    with open(big, "wb") as out:
        for _ in range(40):
            out.write(LOG.read_bytes() * 50)
    assert os.path.getsize(big) > 1024 * 1024
    url = curl(f"{serve.url}/?server=big&date=2019-08-01")
    assert put(url, big)[0] == 200
    assert serve.result("big/2019-08-01.csv").count(b"\n") == 1 + 5 * 50 * 40
