"""Debian's squid, with its default rules, between the agent and serve."""

import datetime
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest
from conftest import RAW, ROOT, Serve, binary, needs
from test_nginx import NAME, Nginx, free_port

LOG = ROOT / "testdata" / "document.log"
YESTERDAY = datetime.date.today() - datetime.timedelta(days=1)
RULES = pathlib.Path("/etc/squid/squid.conf")
PASSWORD = "p@ss:wörd"
LOGIN = "ops:p%40ss%3Aw%C3%B6rd"


class Squid:
    """squid as Debian configures it, on a free port, with further rules before its own."""

    def __init__(self, *rules):
        needs("/usr/sbin/squid")
        # Not in the folder of pytest: squid's own user must reach it.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="squid-"))
        self.markers = 0
        self.port = free_port()
        lines = [line for line in RULES.read_text().splitlines() if line and line[0] != "#"]
        assert "http_access deny CONNECT !SSL_ports" in lines and "http_access deny all" in lines
        own = ("http_port ", "coredump_dir ", "include ")
        lines = [line for line in lines if not line.startswith(own)]
        at = lines.index("http_access deny !Safe_ports")
        lines[at:at] = [rule.format(folder=self.folder) for rule in rules]
        lines += [
            f"http_port 127.0.0.1:{self.port}", f"coredump_dir {self.folder}",
            f"pid_filename {self.folder}/pid", f"cache_log {self.folder}/cache.log",
            f"access_log stdio:{self.folder}/access.log", "shutdown_lifetime 0 seconds",
        ]
        conf = self.folder / "squid.conf"
        conf.write_text("\n".join(lines) + "\n")
        hashed = subprocess.check_output(["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD.encode())
        (self.folder / "users").write_text(f"ops:{hashed.decode()}")
        if os.geteuid() == 0:
            for path in [self.folder, *self.folder.iterdir()]:
                shutil.chown(path, "proxy", "proxy")
        self.process = subprocess.Popen(["/usr/sbin/squid", "-N", "-f", str(conf)])
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, self.log()
                time.sleep(0.02)

    def log(self):
        file = self.folder / "cache.log"
        return file.read_text() if file.exists() else ""

    def requests(self):
        """Result and method of each request so far. squid writes the line of a request at its end, so
        one of our own shows that all before it are written."""
        self.markers += 1
        marker = f"http://127.0.0.1:1/marker-{self.markers}"
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            one.sendall(f"GET {marker} HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\n\r\n".encode())
            while one.recv(65536):
                pass
        deadline = time.monotonic() + 30
        while True:
            lines = [line.split() for line in (self.folder / "access.log").read_text().splitlines()]
            if any(words[6] == marker for words in lines):
                break
            assert time.monotonic() < deadline, lines
            time.sleep(0.02)
        # The connection that waited for the start asked for nothing.
        return [(words[3], words[5]) for words in lines if words[6].startswith(("http://", "localhost:"))
                and "/marker-" not in words[6]]

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.folder)


WANTS_PASSWORD = [
    "auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/users",
    "acl known proxy_auth REQUIRED",
    "http_access deny !known",
]


@pytest.fixture
def squid():
    started = []

    def start(*rules):
        started.append(Squid(*rules))
        return started[-1]

    yield start
    for one in started:
        one.stop()


class Host:
    """A server with yesterday's log."""

    def __init__(self, folder, api, **settings):
        self.folder = folder
        (folder / "log").mkdir(parents=True)
        (folder / "log" / f"{YESTERDAY}.log").write_bytes(LOG.read_bytes())
        settings = {"api": api, "server": "web01"} | settings
        lines = [f'{key.replace("_", "-")} = "{value}"\n' for key, value in settings.items()]
        (folder / "agent.toml").write_text("".join(lines))

    def agent(self, verb, *args, **environment):
        """Exit code and text."""
        names = {
            "LOG2AWS_CONFIG": self.folder / "agent.toml", "LOG2AWS_LOG_DIR": self.folder / "log",
            "LOG2AWS_STATE_DIR": self.folder / "state",
        }
        done = subprocess.run(
            [binary(), verb, *args], capture_output=True, text=True, timeout=120,
            env={"PATH": os.environ["PATH"]} | {k: str(v) for k, v in names.items()} | environment,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def serve(serve_in):
    return serve_in("data", "--allow-hosts", "127.0.0.1", "--trusted-proxy", "127.0.0.1")


def stored(serve):
    client = serve.s3()
    # Past the proxy nobody would say who asks.
    client.meta.events.register(
        "before-sign.s3", lambda request, **_: request.headers.add_header("X-Forwarded-For", "127.0.0.1"))
    objects = client.list_objects_v2(Bucket=RAW).get("Contents", [])
    return [one["Key"] for one in objects]


DELIVERED = [f"web01/{YESTERDAY}.log"]


def test_http_goes_through_the_default_rules_as_curl_does(squid, serve, tmp_path):
    proxy = squid()
    address = f"127.0.0.1:{proxy.port}"
    needs("curl")
    question = f"{serve.url}/?server=web01&date={YESTERDAY}"
    curl = ["curl", "--noproxy", "", "-x", address, "-sS", "--fail"]
    url = subprocess.check_output([*curl, question], text=True)
    subprocess.run([*curl, "--upload-file", LOG, url], check=True)
    assert proxy.requests() == [("TCP_MISS/200", "GET"), ("TCP_MISS/200", "PUT")]

    host = Host(tmp_path / "host", serve.url)
    code, told = host.agent("ship", http_proxy=address)
    assert code == 0 and "delivered" in told, told
    # The agent has no record of curl's delivery: its first put is conditional, and warns of it.
    assert "the store already had a log of" in told, told
    assert proxy.requests()[2:] == [
        ("TCP_MISS/200", "GET"), ("TCP_MISS/412", "PUT"),
        ("TCP_MISS/200", "GET"), ("TCP_MISS/200", "PUT"),
    ]
    assert stored(serve) == DELIVERED
    # The doctor goes the same way.
    code, told = host.agent("doctor", http_proxy=address)
    assert f"ok    proxy         by way of {address} (http_proxy)\n" in told, told
    assert "ok    allow-list    web01 is let in as 127.0.0.1\n" in told, told
    assert proxy.requests()[6:] == [("TCP_MISS/200", "GET")]


@pytest.mark.parametrize("login, told", [
    ("", "wants a user and a password (407); put them into http_proxy: http://user:password@host:port"),
    ("ops:guess@", "does not accept the user and password (407); correct them in http_proxy"),
])
def test_a_password_that_is_missing_or_wrong_is_told_and_not_tried_again(squid, serve, tmp_path, login, told):
    proxy = squid(*WANTS_PASSWORD)
    host = Host(tmp_path / "host", serve.url)
    code, text = host.agent("ship", http_proxy=f"http://{login}127.0.0.1:{proxy.port}")
    assert code == 5 and f"the proxy 127.0.0.1:{proxy.port} (http_proxy) {told}" in text, text
    assert proxy.requests() == [("TCP_DENIED/407", "GET")]
    code, text = host.agent("doctor", http_proxy=f"http://{login}127.0.0.1:{proxy.port}")
    fault = told.replace("; ", " -> ")
    assert code == 1 and f"fail  proxy         the proxy 127.0.0.1:{proxy.port} (http_proxy) {fault}" in text
    assert "guess" not in text and stored(serve) == []


def test_a_password_is_sent(squid, serve, tmp_path):
    proxy = squid(*WANTS_PASSWORD)
    host = Host(tmp_path / "host", serve.url)
    code, told = host.agent("ship", http_proxy=f"http://{LOGIN}@127.0.0.1:{proxy.port}")
    assert code == 0 and stored(serve) == DELIVERED, told


def test_a_proxy_that_forbids_the_endpoint_is_told(squid, serve, tmp_path):
    port = serve.url.rsplit(":", 1)[1]
    proxy = squid(f"acl endpoint port {port}", "http_access deny endpoint")
    host = Host(tmp_path / "host", serve.url)
    code, told = host.agent("ship", http_proxy=f"127.0.0.1:{proxy.port}")
    said = f"(http_proxy) does not let this machine through to {serve.url} (403)"
    assert code == 5 and said in told, told
    assert proxy.requests() == [("TCP_DENIED/403", "GET")]
    code, told = host.agent("doctor", http_proxy=f"127.0.0.1:{proxy.port}")
    assert code == 1 and re.search(rf"^fail  proxy .*{re.escape(said)} -> have", told, re.M), told


def test_an_endpoint_that_the_proxy_cannot_reach_is_told_as_that(squid, tmp_path):
    proxy = squid()
    host = Host(tmp_path / "host", f"http://127.0.0.1:{free_port()}")
    code, told = host.agent("ship", "--max-time", "1", http_proxy=f"127.0.0.1:{proxy.port}")
    assert code == 4 and "the proxy cannot reach it (503 ERR_CONNECT_FAIL)" in told, told


def test_https_goes_through_a_tunnel(squid, tmp_path):
    nginx = Nginx(tmp_path)
    try:
        host = Host(tmp_path / "host", nginx.url, ca_file=nginx.cert)
        # By default there are tunnels to port 443 alone.
        proxy = squid()
        code, told = host.agent("ship", https_proxy=f"127.0.0.1:{proxy.port}")
        assert code == 5 and f"does not let this machine through to {nginx.url} (403)" in told, told
        assert proxy.requests() == [("TCP_DENIED/403", "CONNECT")]

        proxy = squid(f"acl SSL_ports port {nginx.port}", *WANTS_PASSWORD)
        way = f"http://{LOGIN}@127.0.0.1:{proxy.port}"
        code, told = host.agent("ship", https_proxy=way)
        assert code == 0 and "delivered" in told, told
        code, told = host.agent("doctor", https_proxy=way)
        assert f"the certificate of {NAME} is trusted" in told and "ok    allow-list" in told, told
        assert set(proxy.requests()) == {("TCP_TUNNEL/200", "CONNECT")}
    finally:
        nginx.stop()
