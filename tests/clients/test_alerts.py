"""Alerts of a running serve, and `log2aws alerts`."""

import contextlib
import datetime
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.request

from conftest import PATIENCE, Serve, binary

SECRET = "T0SECRET-B0SECRET"
LINE = (
    "{day} {hour:02}:00:01 up {up} days, 20:04, 1 user, load average: {load}, 22.63, 21.70 "
    "124 10 493744 379918752 0 8428556 0 0 1852 156 0 0 26 12 60 2 0\n"
)


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.arrived.append((self.path, dict(self.headers), json.loads(body)))
        status, location = self.server.answers.pop(0) if self.server.answers else (200, None)
        self.send_response(status)
        if location:
            self.send_header("location", location)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def webhook(*answers):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.arrived, server.answers = [], list(answers)
    server.url = f"http://127.0.0.1:{server.server_port}/services/{SECRET}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def secret_file(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def days_ago(days):
    return (datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days)).isoformat()


def deliver(serve, server, day, load="1.00"):
    up = datetime.date.fromisoformat(day).toordinal() - 730000
    lines = [LINE.format(day=day, hour=hour, load=load, up=up) for hour in range(24)]
    log = f"# log2aws/1 server={server} cores=4 interval=3600\n" + "".join(lines)
    url = serve.get(f"/?server={server}&date={day}").strip()
    put = urllib.request.Request(url, data=log.encode(), method="PUT")
    assert urllib.request.urlopen(put).status == 200


def alerts(*args, **kwargs):
    command = [binary(), "alerts", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **kwargs)


def test_a_webhook_is_told_and_its_url_is_nowhere(tmp_path):
    """What was to be told before a kill is told after the restart, and a redirect is not followed."""
    data = tmp_path / "data"
    assert Serve(data).stop() == 0
    item = {
        "id": "00000000000000aa",
        "change": "firing",
        "server": "web01",
        "since": "2026-11-28",
        "figure": {"kind": "silent", "last": "2026-11-27", "days": 1},
    }
    section = {"rule": "silent", "severity": "warning", "network": "10.0.1.0/24", "items": [item]}
    message = {"id": "00000000000000bb", "at": "2026-11-29T12:01:00Z", "sections": [section]}
    outbox = {"waiting": [], "messages": [message], "formed": []}
    state = {"format": 1, "alerts": {}, "outboxes": {"ops": outbox}, "is_new": False}
    (data / "alerts.json").write_text(json.dumps(state))
    with webhook() as inner, webhook((302, inner.url)) as hook:
        url = secret_file(tmp_path / "hook-url", hook.url)
        config = tmp_path / "serve.toml"
        config.write_text(f'[[alert]]\nrule = "silent"\n[webhook]\nname = "ops"\nurl-file = "{url}"\n')
        serve = Serve(data, "--config", str(config), "--log-level", "debug")
        deadline = time.monotonic() + PATIENCE
        while len(hook.arrived) < 2:
            assert time.monotonic() < deadline, serve.log()
            time.sleep(0.1)
        assert serve.stop() == 0
    assert [body["id"] for _, _, body in hook.arrived] == ["00000000000000bb"] * 2
    assert hook.arrived[0][1]["idempotency-key"] == "00000000000000bb"
    assert not inner.arrived
    log = serve.log()
    assert "a webhook took no message" in log and "not followed" in log
    for text in [log, (data / "alerts.json").read_text(), config.read_text()]:
        assert SECRET not in text
    left = json.loads((data / "alerts.json").read_text())
    assert left["outboxes"]["ops"]["messages"] == []


def test_a_test_message_is_sent_to_each_webhook(tmp_path):
    with webhook() as one, webhook((500, None)) as other:
        urls = [
            secret_file(tmp_path / "one", one.url),
            secret_file(tmp_path / "other", other.url),
        ]
        config = tmp_path / "serve.toml"
        hooks = [
            f'[[webhook]]\nformat = "{form}"\nurl-file = "{url}"\n'
            for form, url in zip(["slack", "teams"], urls, strict=True)
        ]
        config.write_text("".join(hooks))
        done = alerts("send-test", "--config", str(config))
    assert done.returncode == 1, done.stderr
    assert "slack: it took the test message" in done.stdout
    assert "teams: it answers with the status 500" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert one.arrived[0][2] == {"text": "*This is a test of log2aws*"}
    assert other.arrived[0][2]["type"] == "message"


def test_the_url_can_be_in_the_environment(tmp_path):
    empty = tmp_path / "serve.toml"
    empty.write_text("")
    with webhook() as hook:
        env = {**os.environ, "LOG2AWS_WEBHOOK_URL": hook.url}
        done = alerts("send-test", "--config", str(empty), env=env)
    assert done.returncode == 0, done.stderr
    assert hook.arrived[0][2]["title"] == "This is a test of log2aws"
    none = alerts("send-test", "--config", str(empty))
    assert none.returncode == 1 and "[[webhook]]" in none.stderr


def test_the_past_is_told(tmp_path):
    serve = Serve(tmp_path / "data", "--days-back", "400", "--final-after", "0")
    for ago in [12, 11, 10, 6, 5, 4, 3, 2, 1]:
        for server in ["web01", "web02"]:
            deliver(serve, server, days_ago(ago), "9.00" if (server, ago) == ("web01", 4) else "1.00")
    for ago in [12, 6, 4, 1]:
        serve.result(f"web01/{days_ago(ago)}.json")
        serve.result(f"web02/{days_ago(ago)}.json")
    config = tmp_path / "serve.toml"
    rules = '[[alert]]\nrule = "silent"\ndays = 2\n[[alert]]\nrule = "load"\nabove = 2\nminutes = 60\n'
    config.write_text(f'time-zone = "UTC"\ndata-dir = "{serve.data}"\n{rules}')
    args = ["test", "--config", str(config), "--endpoint-url", serve.url, "--days", "14"]
    done = alerts(*args, env=serve.environment())
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    # The logs of 9 and 8 days ago were due 8 and 7 days ago; that of 4 days ago, 3 days ago.
    assert told == [
        f"{days_ago(7)} 12:01  2 servers (127.0.0.0/24): no logs arrive",
        f"{days_ago(5)} 12:01  Resolved: 2 servers (127.0.0.0/24): no logs arrive",
        f"{days_ago(3)} 12:01  web01: high load",
        f"{days_ago(2)} 12:01  Resolved: web01: high load",
    ], done.stdout
    assert "4 messages in 14 days, by: silent (" in done.stderr
    assert f"web01: load up to 9 on 4 cores, high for 1440 min from 00:00 on {days_ago(4)}" in done.stdout
    one = alerts(*args, "--rule", "load", "--json", env=serve.environment())
    lines = [json.loads(line) for line in one.stdout.splitlines()]
    assert [line["alerts"][0]["state"] for line in lines] == ["firing", "resolved"]
    unknown = alerts(*args, "--rule", "lode", env=serve.environment())
    assert unknown.returncode == 1 and '"lode"' in unknown.stderr
    assert serve.stop() == 0, serve.log()


def test_what_is_wrong_in_a_table_is_named(tmp_path):
    config = tmp_path / "serve.toml"
    for text, part in [
        ('[[alert]]\nrule = "load"\nabove = 2\nminute = 3\n', 'did you mean "alert.minutes"?'),
        ('[webhook]\nurl = "https://hooks.example/x"\n', 'did you mean "webhook.url-file"?'),
        ('[[alert]]\nrule = "load"\nabove = 2\n', "needs minutes"),
        ('alert = "silent"\n', "must be a table"),
        ('[webhook]\nurl-file = "/nonexistent/url"\n', "/nonexistent/url does not exist"),
    ]:
        config.write_text(text)
        flags = ["--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")]
        command = [binary(), "serve", "--config", str(config), *flags]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode in (1, 2) and part in done.stderr, done.stderr
        assert "hooks.example" not in done.stderr


def test_a_url_in_the_config_file_is_not_printed(tmp_path):
    """Whatever key it was written to, and as a variable."""
    config = tmp_path / "serve.toml"
    url = f"https://hooks.example/{SECRET}"
    command = [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data")]
    for key in ("url", "url-file", "name", "format"):
        config.write_text(f'[[webhook]]\n{key} = "{url}"\n')
        ran = subprocess.run(
            [*command, "--config", str(config)], capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 2, ran.stderr
        assert "webhook" in ran.stderr and "serve.toml" in ran.stderr
        assert SECRET not in ran.stderr + ran.stdout
    environment = os.environ | {"LOG2AWS_WEBHOOK": url}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert ran.returncode == 2 and "LOG2AWS_WEBHOOK" in ran.stderr, ran.stderr
    assert SECRET not in ran.stderr + ran.stdout
