"""`log2aws reopen` against a running serve, as an operator would use it."""

import datetime
import json
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import ANALYZED, Serve, binary

LINE = (
    "{day} 00:00:01 up 45 days, 20:04, 1 user, load average: {load}, 22.63, 21.70 "
    "124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n"
)


@pytest.fixture
def strict(tmp_path):
    """A server with the rules of days as they are unless set otherwise."""
    running = Serve(tmp_path / "data", "--days-back", "400", "--final-after", "7")
    yield running
    assert running.stop() == 0, running.log()


def put(serve, day, load):
    url = serve.get(f"/?server=web01&date={day}").strip()
    body = LINE.format(day=day, load=load).encode()
    request = urllib.request.Request(url, data=body, method="PUT")
    assert urllib.request.urlopen(request).status == 200


def reopen(serve, *args):
    command = [binary(), "reopen", *args, "--endpoint-url", serve.url]
    return subprocess.run(command, env=serve.environment(), capture_output=True, text=True, timeout=60)


def refused(serve, day):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        serve.get(f"/?server=web01&date={day}")
    return refusal.value.code, refusal.value.read().decode()


def test_an_operator_reopens_a_final_day(strict):
    day = (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=20)).isoformat()
    missing = reopen(strict, "web01", day, "--why", "a test")
    assert missing.returncode == 1 and "the day is open" in missing.stderr, missing.stderr

    put(strict, day, "25.06")
    strict.result(f"web01/{day}.json")
    code, text = refused(strict, day)
    assert code == 409 and f"log2aws reopen web01 {day} --why" in text

    done = reopen(strict, "web01", day, "--why", "the clock was wrong")
    assert done.returncode == 0, done.stderr
    assert "is open for one delivery" in done.stdout
    twice = reopen(strict, "web01", day, "--why", "again")
    assert twice.returncode == 1, twice.stdout
    assert "is open already" in twice.stderr and "the clock was wrong" in twice.stderr
    # The summary is written last.
    before = strict.result(f"web01/{day}.json")
    put(strict, day, "00.01")
    while strict.result(f"web01/{day}.json") == before:
        pass
    assert "00.01" in strict.result(f"web01/{day}.csv").decode()
    assert refused(strict, day)[0] == 409
    record = strict.s3().get_object(Bucket=ANALYZED, Key=f".log2aws/reopen/web01/{day}.json")
    assert b"the clock was wrong" in record["Body"].read()

    assert reopen(strict, "web01", day, "--why", "one more time").returncode == 0
    record = strict.s3().get_object(Bucket=ANALYZED, Key=f".log2aws/reopen/web01/{day}.json")
    record = json.loads(record["Body"].read())
    assert record["why"] == "one more time" and record["by"]
    assert [earlier["why"] for earlier in record["earlier"]] == ["the clock was wrong"]


def test_a_reason_is_needed(strict):
    for why in ("", " ", "x" * 1025):
        done = reopen(strict, "web01", "2026-08-01", "--why", why)
        assert done.returncode == 2, (why, done.stderr)
