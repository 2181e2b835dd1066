"""`log2aws reopen` against a running serve, as an operator would use it."""

import datetime
import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest

from conftest import ANALYZED, RAW, Serve, binary

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


def days_ago(days):
    return (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days)).isoformat()


def url_of(serve, day):
    return serve.get(f"/?server=web01&date={day}").strip()


def put_at(url, day, load):
    body = LINE.format(day=day, load=load).encode()
    request = urllib.request.Request(url, data=body, method="PUT")
    return urllib.request.urlopen(request).status


def put(serve, day, load):
    assert put_at(url_of(serve, day), day, load) == 200


def run(*args, **kwargs):
    command = [binary(), "reopen", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **kwargs)


def reopen(serve, *args):
    args = [*args, "--endpoint-url", serve.url]
    if "--final-after" not in args:
        args += ["--final-after", "7"]
    return run(*args, env=serve.environment())


def refused(serve, day):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        serve.get(f"/?server=web01&date={day}")
    return refusal.value.code, refusal.value.read().decode()


def test_an_operator_reopens_a_final_day(strict):
    day = days_ago(20)
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


def test_urls_from_before_the_one_delivery_replace_nothing_after_it(strict):
    day = days_ago(20)
    put(strict, day, "25.06")
    strict.result(f"web01/{day}.json")
    assert reopen(strict, "web01", day, "--why", "a test").returncode == 0
    urls = [url_of(strict, day) for _ in range(3)]
    assert put_at(urls[0], day, "00.01") == 200
    for url in urls[1:]:
        with pytest.raises(urllib.error.HTTPError) as refusal:
            put_at(url, day, "00.02")
        # 503 until the log before is analyzed.
        assert refusal.value.code in (409, 503), refusal.value.read()
    log = strict.s3().get_object(Bucket=RAW, Key=f"web01/{day}.log")["Body"].read()
    assert b"00.01" in log


def test_a_day_that_is_not_final_is_not_reopened(strict):
    day = days_ago(3)
    put(strict, day, "25.06")
    strict.result(f"web01/{day}.json")
    early = reopen(strict, "web01", day, "--why", "a test")
    assert early.returncode == 1, early.stdout
    assert f"{day} of web01 is not final until {days_ago(-5)}" in early.stderr, early.stderr
    never = reopen(strict, "web01", day, "--why", "a test", "--final-after", "0")
    assert never.returncode == 1 and "no day is ever final" in never.stderr, never.stderr
    kept = strict.s3().list_objects_v2(Bucket=ANALYZED, Prefix=".log2aws/")
    assert [entry["Key"] for entry in kept["Contents"]] == [".log2aws/keys.json"]


def test_the_days_that_are_open_are_listed(strict):
    none = reopen(strict, "--list")
    assert (none.returncode, none.stdout) == (0, ""), none.stderr
    assert "no day in s3://analyzedlogs-local is open" in none.stderr
    days = [days_ago(20), days_ago(21)]
    for day in days:
        put(strict, day, "25.06")
        strict.result(f"web01/{day}.json")
        assert reopen(strict, "web01", day, "--why", f"reason {day}\x1b[31m").returncode == 0
    before = strict.result(f"web01/{days[0]}.json")
    put(strict, days[0], "00.01")
    while strict.result(f"web01/{days[0]}.json") == before:
        pass
    listed = reopen(strict, "--list")
    assert listed.returncode == 0, listed.stderr
    head, line = listed.stdout.splitlines()
    assert head.split() == ["DAY", "SERVER", "SINCE", "BY", "WHY"]
    assert line.startswith(f"{days[1]}  web01 ") and f"reason {days[1]}" in line
    assert "\x1b" not in line
    # A record that cannot be read hides no other.
    key = f".log2aws/reopen/web01/{days[0]}.json"
    strict.s3().put_object(Bucket=ANALYZED, Key=key, Body=b"{")
    damaged = reopen(strict, "--list")
    assert damaged.returncode == 3 and key in damaged.stderr, damaged.stderr
    assert line in damaged.stdout


def test_without_credentials_the_file_with_them_is_named(strict, tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    args = ["web01", days_ago(20), "--why", "a test", "--final-after", "7"]
    there = run(*args, "--data-dir", str(strict.data), env=env)
    assert there.returncode == 1
    assert f"source {strict.data}/credentials.env" in there.stderr, there.stderr
    missing = run(*args, "--data-dir", str(tmp_path), env=env)
    assert f"{tmp_path}/credentials.env" in missing.stderr and "--data-dir" in missing.stderr
    for said in (there.stderr, missing.stderr):
        assert "aws sso login" not in said


def test_the_config_file_of_serve_is_read(strict, tmp_path):
    config = tmp_path / "serve.toml"
    config.write_text(f"data-dir = '{strict.data}'\nfinal-after = 30\nregion = 'eu-west-1'\n")
    names = {"LOG2AWS_FINAL_AFTER", "LOG2AWS_DATA_DIR"}
    env = {name: value for name, value in os.environ.items() if name not in names}
    env = {name: value for name, value in env.items() if not name.startswith("AWS_")}
    early = run("web01", days_ago(20), "--why", "a test", "--config", str(config), env=env)
    assert f"is not final until {days_ago(-11)}" in early.stderr, early.stderr
    there = run("web01", days_ago(31), "--why", "a test", "--config", str(config), env=env)
    assert f"source {strict.data}/credentials.env" in there.stderr, there.stderr
    command = [binary(), "token", "list", "--config", str(config)]
    tokens = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert tokens.returncode == 0 and "default" in tokens.stdout, tokens.stderr
    command = [binary(), "audit", "--config", str(config)]
    events = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert events.returncode == 0 and "start" in events.stdout, events.stderr
    command = [binary(), "store", "snapshot", str(tmp_path / "copy"), "--config", str(config)]
    copied = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert copied.returncode == 0, copied.stderr
    assert (tmp_path / "copy" / "format").is_file()
