"""`log2aws audit --aws` against moto's CloudWatch Logs."""

import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import Program, binary
from moto_cloud import REGION, Moto

GROUPS = {name: f"/aws/lambda/log2aws-dev-{name}" for name in ("generate-url", "analyze-log")}
BEGIN = int(time.time() * 1000) - 3_600_000


@pytest.fixture
def moto(tmp_path):
    running = Moto(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def audit(moto, tmp_path):
    """Runs `log2aws audit --aws`, and gives what it says."""
    program = Program(tmp_path, moto.url, REGION)

    def run(*flags):
        line = [binary(), "audit", "--aws", "--endpoint-url", moto.url, *flags]
        return subprocess.run(
            line, env=program.environment, capture_output=True, text=True, timeout=120
        )

    return run


def at(seconds):
    """A moment as the functions write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGIN / 1000 + seconds))


def write(moto, name, lines):
    """Has a function have logged these: pairs of a second and an object or a text."""
    logs = moto.client("logs")
    logs.create_log_group(logGroupName=GROUPS[name])
    logs.create_log_stream(logGroupName=GROUPS[name], logStreamName="1")
    events = [
        {
            "timestamp": BEGIN + 1000 * second,
            "message": line
            if isinstance(line, str)
            else json.dumps({"timestamp": at(second), "level": "INFO", **line}),
        }
        for second, line in lines
    ]
    for first in range(0, len(events), 5_000):
        logs.put_log_events(
            logGroupName=GROUPS[name],
            logStreamName="1",
            logEvents=events[first : first + 5_000],
        )


def gave(server):
    key = f"{server}/2026-11-29.log"
    return {"message": "gave a URL", "source": "203.0.113.7", "key": key, "bound": False}


def test_both_functions_are_read_in_the_order_of_time(moto, audit):
    refused = {
        "message": "refused 198.51.100.9 for server web02: it is not on the list",
        "source": "198.51.100.9",
        "status": 403,
        "code": "not-allowed",
        "server": "web02",
        "date": "2026-11-29",
    }
    write(moto, "generate-url", [(1, "START"), (2, gave("web01")), (4, refused)])
    analyzed = {
        "message": "analyzed a log",
        "key": "web01/2026-11-29.log",
        "version": "v1",
        "source": "203.0.113.7",
        "bytes": 311,
    }
    write(moto, "analyze-log", [(3, analyzed), (5, {"_aws": {}, "Deliveries": 1})])
    told = audit("--json")
    assert told.returncode == 0, told.stderr
    # What cannot be known is said.
    assert "CloudTrail data events" in told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    shown = [(e["event"], e["server"], e.get("status"), e["client_ip"]) for e in events]
    assert shown == [
        ("url", "web01", 200, "203.0.113.7"),
        ("put", "web01", 200, "203.0.113.7"),
        ("url", "web02", 403, "198.51.100.9"),
    ]
    assert events[1]["version"] == "v1" and events[2]["reason"] == "not-allowed"
    assert len(audit("--json", "--server", "web02").stdout.splitlines()) == 1
    assert len(audit("--json", "--event", "put").stdout.splitlines()) == 1
    later = audit("--json", "--since", at(4)).stdout.splitlines()
    assert [json.loads(line)["server"] for line in later] == ["web02"]
    table = audit()
    assert "serverlogs" not in table.stdout and "web01/2026-11-29.log" in table.stdout


def handler_lines(folder):
    """What the handler logs, which is the same in `serve` and in generate-url."""
    line = [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(folder / "data")]
    line += ["--log-format", "json", "--allow-hosts", "web01@127.0.0.1"]
    piped = subprocess.PIPE
    serve = subprocess.Popen(line, stdout=piped, stderr=piped, text=True)
    try:
        url = next(word for word in serve.stdout.readline().split() if word.startswith("http"))
        today = time.strftime("%Y-%m-%d", time.gmtime())
        for server, status in [("web01", 200), ("web02", 403)]:
            try:
                answer = urllib.request.urlopen(f"{url}/?server={server}&date={today}", timeout=30)
            except urllib.error.HTTPError as error:
                answer = error
            assert answer.status == status
    finally:
        serve.terminate()
        _, told = serve.communicate(timeout=60)
    return today, told.splitlines()


def test_lines_of_the_real_handler_are_read(moto, audit, tmp_path):
    today, lines = handler_lines(tmp_path)
    write(moto, "generate-url", [(0, line) for line in lines])
    write(moto, "analyze-log", [])
    told = audit("--json")
    assert told.returncode == 0, told.stderr
    events = [json.loads(line) for line in told.stdout.splitlines()]
    fields = ("event", "server", "date", "status", "client_ip", "reason")
    assert [tuple(event.get(name) for name in fields) for event in events] == [
        ("url", "web01", today, 200, "127.0.0.1", None),
        ("url", "web02", today, 403, "127.0.0.1", events[1]["reason"]),
    ]
    assert events[1]["reason"]


def test_an_answer_of_many_parts_is_read_to_its_end(moto, audit):
    # moto gives 10,000 events at once, as AWS does at most.
    write(moto, "generate-url", [(n // 4, gave(f"web{n}")) for n in range(10_050)])
    write(moto, "analyze-log", [])
    told = audit("--json")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert len({json.loads(line)["server"] for line in lines}) == len(lines) == 10_050


def test_a_stack_that_is_not_there_is_named(audit):
    told = audit("--env", "prod")
    assert told.returncode == 1
    assert "there is no log group /aws/lambda/log2aws-prod-generate-url" in told.stderr
    assert "--env" in told.stderr and "--region" in told.stderr
