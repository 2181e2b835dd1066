"""`serve --view` over the S3 API of another `serve`, through a gate that lets nothing but reading by."""

import http.client
import http.cookiejar
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from conftest import ANALYZED, PATIENCE, RAW, ROOT, binary

LOG = (ROOT / "testdata" / "document.log").read_bytes()


def viewing(environment):
    """A view takes no days; its link is read from a pipe."""
    env = {k: v for k, v in environment.items() if not k.startswith("LOG2AWS_DAYS")}
    env.pop("LOG2AWS_FINAL_AFTER", None)
    return {**env, "LOG2AWS_PRINT_LOGIN_LINK": "true"}


class Gate:
    """Stands between a view and S3: notes what is asked, refuses to write, answers as it is told."""

    def __init__(self, url):
        self.target = urllib.parse.urlsplit(url).netloc
        self.asked = []
        self.answer = None
        self.before = {}
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                parts = urllib.parse.urlsplit(self.path)
                gate.asked.append((self.command, parts.path, urllib.parse.parse_qs(parts.query)))
                status, headers, body = gate.ask(self)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                if "content-length" not in [name.lower() for name, _ in headers]:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ask(self, request):
        if self.answer:
            status, code, extra = self.answer
            body = f"<Error><Code>{code}</Code><Message>told so</Message></Error>".encode()
            return status, [("Content-Type", "application/xml"), *extra], body
        if request.command not in ("GET", "HEAD"):
            return 403, [], b"<Error><Code>AccessDenied</Code></Error>"
        for part in [part for part in self.before if part in request.path]:
            self.before.pop(part)()
        onward = http.client.HTTPConnection(self.target, timeout=60)
        # The signature is over the host that the view knows.
        onward.request(request.command, request.path, headers=dict(request.headers.items()))
        got = onward.getresponse()
        dropped = ("connection", "transfer-encoding", "date", "keep-alive")
        headers = [(n, v) for n, v in got.getheaders() if n.lower() not in dropped]
        body = got.read()
        onward.close()
        return got.status, headers, body

    def take(self):
        asked, self.asked = self.asked, []
        return asked

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class View:
    """One running `log2aws serve --view`, and a browser that has followed its link."""

    def __init__(self, serve, gate, folder, *flags):
        self.stderr = open(folder.parent / f"{folder.name}.view.stderr", "ab")
        self.process = subprocess.Popen(
            [binary(), "serve", "--listen", "127.0.0.1:0", "--view", f"s3://{ANALYZED}/",
             "--endpoint-url", gate.url, "--cache-dir", str(folder), "--refresh", "1", *flags],
            env=viewing(serve.environment()), stdout=subprocess.PIPE, stderr=self.stderr,
            text=True,
        )
        lines = [self.process.stdout.readline() for _ in range(2)]
        assert lines[0].startswith("log2aws shows s3://"), lines[0] + self.log()
        self.url = lines[0].split()[-1]
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies)
        self.browser.open(lines[1].split()[-1]).close()

    def log(self):
        return pathlib.Path(self.stderr.name).read_text()

    def get(self, path):
        with self.browser.open(self.url + path, timeout=60) as answer:
            return answer.read()

    def status(self):
        return json.loads(self.get("/ui/status.json"))

    def until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition(self.status()):
            assert time.monotonic() < deadline, f"{self.status()} {self.log()}"
            time.sleep(0.1)
        return self.status()

    def stop(self, sent=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sent)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.stderr.close()
        return code


@pytest.fixture
def bucket(serve_in, tmp_path):
    """A `serve` with deliveries, a gate before it, and views of it that are stopped in the end."""

    class Bucket:
        serve = serve_in("data")
        views = []

        def deliver(self, server, day):
            self.serve.s3().put_object(Bucket=RAW, Key=f"{server}/{day}.log", Body=LOG)
            self.serve.result(f"{server}/{day}.json")

        def view(self, name="view", *flags):
            self.views.append(View(self.serve, self.gate, tmp_path / name, *flags))
            return self.views[-1]

        def listing(self):
            contents = self.serve.s3().list_objects_v2(Bucket=ANALYZED).get("Contents", [])
            return [(entry["Key"], entry["ETag"], entry["LastModified"]) for entry in contents]

    made = Bucket()
    made.gate = Gate(made.serve.url)
    yield made
    for view in made.views:
        view.stop(signal.SIGKILL)
    made.gate.stop()


def loaded(summaries):
    return lambda status: not status["loading"] and status["summaries"] == summaries


def today():
    return time.strftime("%Y-%m-%d", time.gmtime())


def test_a_view_shows_the_bucket_and_never_writes_to_it(bucket):
    bucket.deliver("web01", "2019-08-01")
    bucket.deliver("web02", "2019-08-01")
    before = bucket.listing()
    view = bucket.view("view", "--view-raw", f"s3://{RAW}")
    view.until(loaded(2))
    page = view.get("/ui/?to=2019-08-02").decode()
    assert "web01" in page and "web02" in page and f"s3://{ANALYZED}" in page
    day = "/ui/s/web01/2019-08-01"
    assert view.get(day) and view.get(f"{day}/chart.svg").startswith(b"<svg")
    csv = bucket.serve.result("web01/2019-08-01.csv")
    assert view.get(f"{day}/web01-2019-08-01.csv") == csv
    assert view.get(f"{day}/web01-2019-08-01.log") == LOG
    assert bucket.listing() == before
    assert {command for command, _, _ in bucket.gate.take()} <= {"GET", "HEAD"}
    assert view.stop() == 0, view.log()


def test_what_comes_changes_and_goes_is_seen(bucket):
    bucket.deliver("web01", "2019-08-01")
    view = bucket.view()
    view.until(loaded(1))
    revision = view.status()["revision"]
    bucket.deliver("new", today())
    assert view.until(loaded(2))["revision"] > revision
    for kind in ["json", "csv", "svg"]:
        bucket.serve.s3().delete_object(Bucket=ANALYZED, Key=f"new/{today()}.{kind}")
    view.until(loaded(1))


def test_a_second_start_lists_the_last_days_and_reads_nothing(bucket):
    for month in range(1, 13):
        bucket.deliver("web01", f"2019-{month:02}-01")
    first = bucket.view()
    first.until(loaded(12))
    assert first.stop() == 0
    asked = bucket.gate.take()
    objects = [path for command, path, _ in asked if path.endswith(".json") and command == "GET"]
    assert len(objects) == len(set(objects)) == 12
    second = bucket.view()
    second.until(loaded(12))
    asked = bucket.gate.take()
    # Where an operator's folder is, it is asked for the retired servers.
    looked = [(command, path) for command, path, _ in asked if path not in (f"/{ANALYZED}", f"/{ANALYZED}/")]
    assert looked == [("HEAD", f"/{ANALYZED}/.log2aws/retired.json")], asked
    below = [query for _, _, query in asked if query.get("prefix") == ["web01/"]]
    assert below and all(query["start-after"][0] > "web01/2026" for query in below), below


def test_an_object_that_goes_between_list_and_reading_is_not_shown(bucket):
    bucket.deliver("web01", "2019-08-01")
    bucket.deliver("web01", "2019-08-02")

    def remove():
        for kind in ["json", "csv", "svg"]:
            bucket.serve.s3().delete_object(Bucket=ANALYZED, Key=f"web01/2019-08-02.{kind}")

    bucket.gate.before["web01/2019-08-02.json"] = remove
    view = bucket.view()
    status = view.until(loaded(1))
    assert status["failed"] is None
    assert not bucket.gate.before


@pytest.mark.parametrize(
    "status, code, headers, told",
    [
        (403, "AccessDenied", [], ["s3:ListBucket", "s3:GetObject"]),
        (400, "ExpiredToken", [], ["expired", "log in again"]),
        (301, "PermanentRedirect", [("x-amz-bucket-region", "eu-west-1")], ["region eu-west-1"]),
    ],
)
def test_what_is_wrong_is_said_and_what_was_read_stays(bucket, status, code, headers, told):
    bucket.deliver("web01", "2019-08-01")
    view = bucket.view()
    view.until(loaded(1))
    bucket.gate.answer = (status, code, headers)
    failed = view.until(lambda status: status["failed"])
    assert failed["summaries"] == 1
    for part in told:
        assert part in failed["failed"], failed
    page = view.get("/ui/?to=2019-08-02").decode()
    assert "web01" in page and code in page
    bucket.gate.answer = None
    deadline = time.monotonic() + 2 * PATIENCE
    while view.status()["failed"]:
        assert time.monotonic() < deadline, view.log()
        time.sleep(0.2)


def test_what_cannot_be_viewed_is_told_at_the_start(bucket, tmp_path):
    environment = bucket.serve.environment()

    def refused(*flags, **changes):
        changed = {**viewing(environment), **changes}
        env = {k: v for k, v in changed.items() if v is not None}
        done = subprocess.run(
            [binary(), "serve", "--listen", "127.0.0.1:0", "--cache-dir", str(tmp_path / "cache"),
             *flags], env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode in (1, 2), done
        return done.returncode, done.stderr

    reach = ["--endpoint-url", bucket.gate.url]
    code, told = refused("--view", "s3://no-such-bucket", *reach)
    assert code == 1 and "s3://no-such-bucket" in told and "does not exist" in told
    code, told = refused("--view", f"s3://{ANALYZED}", *reach, "--keep-raw-days", "3")
    assert code == 2 and "--keep-raw-days" in told and "--view" in told
    code, told = refused("--view", ANALYZED, *reach)
    assert code == 2 and "s3://" in told
    code, told = refused("--view", f"s3://{ANALYZED}", *reach,
                         AWS_DEFAULT_REGION=None, AWS_REGION=None)
    assert code != 0 and "region" in told
    code, told = refused("--view", f"s3://{ANALYZED}", *reach,
                         AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_PROFILE=None,
                         AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
    assert code != 0 and "credentials" in told
