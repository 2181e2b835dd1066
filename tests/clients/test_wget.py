"""GNU wget, where a server has no curl: a URL, the log, and the results."""

import subprocess

from conftest import ROOT, needs

LOG = ROOT / "testdata" / "document.log"


def wget(*args, code=0):
    command = [needs("wget"), "-q", "-O", "-", "--tries=1", "--no-config", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_log_is_delivered(serve):
    url = wget(f"{serve.url}/?server=wget&date=2019-08-01")
    wget("--method=PUT", f"--body-file={LOG}", url)
    assert serve.result("wget/2019-08-01.csv") == (ROOT / "testdata" / "document.csv").read_bytes()


def test_a_refusal_is_a_failure(serve):
    # "Server issued an error response."
    wget(f"{serve.url}/?server=wget&date=2019-02-30", code=8)
    url = wget(f"{serve.url}/?server=wget&date=2019-08-01")
    wget("--method=PUT", f"--body-file={LOG}", url.replace("/wget/", "/other/"), code=8)
