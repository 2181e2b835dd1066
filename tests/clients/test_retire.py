"""`log2aws retire` against a running serve and a view of it, as operators would use it."""

import concurrent.futures
import datetime
import http.cookiejar
import json
import os
import re
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from conftest import ANALYZED, PATIENCE, Serve, binary
from test_view import View

LINE = (
    "{day} 00:00:01 up 45 days, 20:04, 1 user, load average: 25.06, 22.63, 21.70 "
    "124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n"
)
KEY = ".log2aws/retired.json"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Two servers with logs of some days, the last of them ten days ago."""
    running = Serve(tmp_path_factory.mktemp("retire") / "data", "--days-back", "400")
    for server in ("web01", "web02"):
        for ago in (12, 11, 10):
            put(running, server, days_ago(ago))
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture(autouse=True)
def nobody_is_retired(fleet):
    fleet.s3().delete_object(Bucket=ANALYZED, Key=KEY)


def days_ago(days):
    return (datetime.date.today() - datetime.timedelta(days=days)).isoformat()


def put(serve, server, day):
    url = serve.get(f"/?server={server}&date={day}").strip()
    request = urllib.request.Request(url, data=LINE.format(day=day).encode(), method="PUT")
    assert urllib.request.urlopen(request).status == 200
    serve.result(f"{server}/{day}.json")


def run(serve, *args, environment=None):
    env = environment or serve.environment() | {"SUDO_USER": "kato"}
    command = [binary(), "retire", *args, "--endpoint-url", serve.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)


def done(serve, *args):
    ran = run(serve, *args)
    assert ran.returncode == 0, ran.stderr
    return ran


def records(serve):
    return json.loads(done(serve, "--list", "--json").stdout)


def log_in(serve):
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(cookies)
    token = (serve.data / "dashboard-token").read_text().strip()
    form = urllib.parse.urlencode({"token": token, "next": "/ui/"}).encode()
    login = urllib.request.Request(f"{serve.url}/ui/login", form, {"Origin": serve.url})
    browser.open(login).close()
    return browser


def page(serve, path="/ui/", language="en"):
    """A page of the dashboard, of one who is logged in."""
    if not hasattr(serve, "browser"):
        serve.browser = log_in(serve)
    serve.browser.addheaders = [("Accept-Language", language)]
    with serve.browser.open(serve.url + path, timeout=60) as answer:
        return answer.read().decode()


def test_a_server_is_retired_shown_and_expected_again(fleet):
    before = page(fleet)
    assert f"silent since {days_ago(10)}" in before
    done_ = done(fleet, "web01", "--from", days_ago(9), "--why", "replaced by <web02>")
    assert f"web01 is retired from {days_ago(9)} on" in done_.stdout and done_.stderr == ""
    # At once, without waiting for the next refresh.
    shown = page(fleet)
    assert f"retired since {days_ago(9)}: replaced by &#60;web02&#62; (by kato)" in shown
    assert f"href=s/web01/{days_ago(9)} class=e" in shown
    assert f"href=s/web02/{days_ago(9)} class=s" in shown
    missing = page(fleet, f"/ui/?only=missing&day={days_ago(5)}")
    assert "s/web02" in missing and "s/web01" not in missing
    for path in ("/ui/s/web01", f"/ui/s/web01/{days_ago(5)}"):
        told = page(fleet, path)
        assert "replaced by &#60;web02&#62;" in told and "kato" in told, path
    assert "運用終了" in page(fleet, "/ui/s/web01", "ja")

    [record] = records(fleet)
    assert (record["server"], record["from"], record["by"]) == ("web01", days_ago(9), "kato")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", record["at"])
    twice = run(fleet, "web01", "--from", days_ago(5), "--why", "again")
    assert twice.returncode == 1 and "is retired already" in twice.stderr
    assert "replaced by <web02>" in twice.stderr and "kato" in twice.stderr

    undone = done(fleet, "web01", "--undo", "--why", "still needed")
    assert "logs of web01 are expected again" in undone.stdout
    assert "class=e" not in page(fleet) and "class=s" in page(fleet)
    [record] = records(fleet)
    assert record["undone"]["why"] == "still needed" and record["undone"]["by"] == "kato"
    none = run(fleet, "web01", "--undo")
    assert none.returncode == 1 and "web01 is not retired" in none.stderr
    done(fleet, "web01", "--from", "yesterday", "--why", "sold")
    listed = done(fleet, "--list").stdout.splitlines()
    assert listed[0].split() == ["FROM", "SERVER", "STATE", "DECIDED", "BY", "WHY"]
    assert [line.split()[2] for line in listed if "web01" in line] == ["undone", "retired"]
    assert any("still needed" in line for line in listed)


def test_a_name_of_which_no_log_was_seen_is_refused(fleet):
    ran = run(fleet, "web10", "--from", "today", "--why", "sold")
    assert ran.returncode == 1 and "no log of web10 was ever seen" in ran.stderr
    assert "nothing was written" in ran.stderr
    assert records(fleet) == []
    assert "no server of s3://analyzedlogs-local is retired" in done(fleet, "--list").stderr


def test_days_that_have_logs_are_named(fleet):
    ran = done(fleet, "web01", "--from", days_ago(11), "--why", "sold")
    warned = f"2 logs of web01 from {days_ago(11)} on have arrived ({days_ago(11)}, {days_ago(10)})"
    assert warned in ran.stderr
    arrived = page(fleet, f"/ui/s/web01/{days_ago(10)}")
    assert f"but a log of {days_ago(10)} arrived" in arrived and "<figure" in arrived
    assert "arrived" not in page(fleet, f"/ui/s/web01/{days_ago(12)}").split("</main>")[0].split("<main")[1]


def test_a_day_ahead_is_taken_and_a_typing_error_is_not(fleet):
    ran = done(fleet, "web01", "--from", days_ago(-5), "--why", "sold")
    assert f"web01 will be retired from {days_ago(-5)} on" in ran.stdout
    assert f"href=s/web01/{days_ago(5)} class=s" in page(fleet)
    for wrong in (days_ago(-500), "2062-13-01", "soon", ""):
        ran = run(fleet, "web02", "--from", wrong, "--why", "sold")
        assert ran.returncode in (1, 2) and ran.stderr, wrong
    for why in ("", "x" * 501, "a\u202eb", "a\tb"):
        ran = run(fleet, "web02", "--from", "today", "--why", why)
        assert ran.returncode == 2, why
    assert len(records(fleet)) == 1


def test_operators_at_once_lose_no_decision(fleet):
    names = [f"many{number:02}" for number in range(6)]
    for name in names:
        put(fleet, name, days_ago(10))
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        ran = list(pool.map(lambda name: run(fleet, name, "--from", "today", "--why", name), names))
    assert [one.returncode for one in ran] == [0] * len(names), [one.stderr for one in ran]
    assert sorted(record["why"] for record in records(fleet)) == names
    for name in names:
        done(fleet, name, "--undo")


def test_damaged_records_are_an_error_and_a_problem_on_the_calendar(fleet):
    done(fleet, "web01", "--from", days_ago(9), "--why", "sold")
    fleet.s3().put_object(Bucket=ANALYZED, Key=KEY, Body=b'{"format": 1, "rec')
    shown = page(fleet)
    assert f"{KEY}: it is damaged" in shown
    assert f"href=s/web01/{days_ago(9)} class=s" in shown, "everybody is expected"
    for args in (["--list"], ["web01", "--undo"], ["web02", "--from", "today", "--why", "sold"]):
        ran = run(fleet, *args)
        assert ran.returncode == 1 and f"s3://{ANALYZED}/{KEY}" in ran.stderr, ran.stderr
    kept = fleet.s3().get_object(Bucket=ANALYZED, Key=KEY)["Body"].read()
    assert kept == b'{"format": 1, "rec'


def test_the_audit_log_names_the_change(fleet):
    done(fleet, "web01", "--from", days_ago(9), "--why", "sold")
    command = [binary(), "audit", "--data-dir", str(fleet.data), "--event", "setting", "--json"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("LOG2AWS_")}

    def written():
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
        events = [json.loads(line) for line in ran.stdout.splitlines()]
        return [event for event in events if event.get("key") == KEY]

    for _ in range(100):
        if any(event["detail"] == "written" for event in written()):
            return
    raise AssertionError(written())


def test_without_credentials_the_file_with_them_is_named(fleet):
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [binary(), "retire", "--list", "--data-dir", str(fleet.data)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    assert ran.returncode == 1 and f"source {fleet.data}/credentials.env" in ran.stderr


def test_a_view_shows_it_with_its_next_refresh(fleet, tmp_path):
    view = View(fleet, fleet, tmp_path / "view")
    try:
        view.until(lambda status: not status["loading"])
        assert f"silent since {days_ago(10)}" in view.get("/ui/?q=web01").decode()
        done(fleet, "web01", "--from", days_ago(9), "--why", "sold")
        deadline = time.monotonic() + PATIENCE
        while f"retired since {days_ago(9)}: sold (by kato)" not in view.get("/ui/").decode():
            assert time.monotonic() < deadline, view.log()
            time.sleep(0.2)
    finally:
        view.stop()
