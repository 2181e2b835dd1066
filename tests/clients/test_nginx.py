"""Debian's nginx in front of serve, with the very configuration that docs/serve.md gives."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.parse

import boto3
import botocore.config
import pytest
from conftest import ANALYZED, RAW, ROOT, Serve, binary, needs

LOG = ROOT / "testdata" / "document.log"
CSV = ROOT / "testdata" / "document.csv"
NAME = "localhost"

# The whole 127.0.0.0/8 is this machine, so that one machine can be several callers.
LISTED, OTHER_LISTED, UNLISTED = "127.0.0.2", "127.0.0.1", "127.0.0.3"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def documented():
    """The server block of the manual, and the flags that it wants serve to have."""
    text = (ROOT / "docs" / "serve.md").read_text()
    (block,) = re.findall(r"```nginx\n(.*?)```", text, re.S)
    (flags,) = re.findall(r"log2aws serve (--public-url \S+ --trusted-proxy \S+)", text)
    return block, flags


def certificate(folder):
    """A self-signed certificate, made as the manual says."""
    needs("openssl")
    text = (ROOT / "docs" / "serve.md").read_text()
    (command,) = re.findall(r"```sh\n(openssl req .*?)```", text, re.S)
    command = command.replace("logs.example.com", NAME)
    subprocess.run(["bash", "-ec", command], cwd=folder, check=True, capture_output=True)
    return folder / f"{NAME}.key", folder / f"{NAME}.pem"


class Nginx:
    """serve behind nginx, both on free ports."""

    def __init__(self, folder, named=True, forwarded=None):
        self.key, self.cert = certificate(folder)
        self.port = free_port()
        self.url = f"https://{NAME}:{self.port}"
        block, flags = documented()
        if forwarded is not None:
            line = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
            assert block.count(line) == 1
            block = block.replace(line, forwarded)
        assert "https://logs.example.com" in flags
        flags = flags.replace("https://logs.example.com", self.url).split()
        if not named:
            flags = flags[: flags.index("--trusted-proxy")]
        allowed = f"{LISTED}, {OTHER_LISTED}"
        self.serve = Serve(folder / "data", *flags, "--allow-hosts", allowed)
        # Past the proxy nobody would say who asks.
        self.serve.s3 = self.s3
        conf = folder / "nginx.conf"
        conf.write_text(self.conf(folder, self.adapted(block)))
        self.process = subprocess.Popen([nginx_program(), "-e", "stderr", "-c", str(conf)])
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)

    def adapted(self, block):
        """The manual's block with this test's port, name, files and upstream, and nothing else."""
        for there, here in [
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;"),
            ("server_name logs.example.com;", f"server_name {NAME};"),
            ("/etc/ssl/logs.example.com.pem", str(self.cert)),
            ("/etc/ssl/logs.example.com.key", str(self.key)),
            ("http://127.0.0.1:8750", self.serve.url),
        ]:
            assert block.count(there) == 1, there
            block = block.replace(there, here)
        return block

    @staticmethod
    def conf(folder, block):
        user = "user root;" if os.geteuid() == 0 else ""
        places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        temporary = " ".join(f"{p}_temp_path {folder}/{p};" for p in places)
        return (
            f"{user} daemon off; worker_processes 1; pid {folder}/nginx.pid;\n"
            f"events {{}}\nhttp {{ access_log off; {temporary}\n{block}\n}}\n"
        )

    def curl(self, *args, source):
        done = subprocess.run(
            [needs("curl"), "-sS", "--cacert", self.cert, "--interface", source,
             "-w", "\n%{http_code}", *args],
            capture_output=True, text=True, timeout=60,
        )
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def ask(self, server, *args, source, api=None):
        return self.curl(f"{api or self.url}/?server={server}&date=2019-08-01", *args, source=source)

    def s3(self):
        key, secret = self.serve.keys()
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", verify=str(self.cert),
            aws_access_key_id=key, aws_secret_access_key=secret,
            config=botocore.config.Config(
                retries={"max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0
        assert self.serve.stop() == 0, self.serve.log()


def nginx_program():
    # Debian keeps it where only root looks.
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "nginx is not there: apt-get install nginx-light"
    return found


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    running = Nginx(tmp_path_factory.mktemp("nginx"))
    yield running
    running.stop()


def test_a_log_goes_through_tls_into_the_store(front):
    status, url = front.ask("tls", source=LISTED)
    assert status == 200 and url.startswith(f"{front.url}/{RAW}/tls/2019-08-01.log?"), url
    status, body = front.curl("--upload-file", str(LOG), url, source=LISTED)
    assert status == 200, body
    assert front.serve.result("tls/2019-08-01.csv") == CSV.read_bytes()


def test_ship_delivers_through_tls(front, tmp_path):
    shutil.copy(LOG, tmp_path / "2019-08-01.log")
    command = [
        binary(), "ship", "--api", front.url, "--server", "ship-tls", "--date", "2019-08-01",
        "--log-dir", str(tmp_path), "--state-dir", str(tmp_path / "state"), "--max-time", "30",
    ]
    trusting = {**os.environ, "SSL_CERT_FILE": str(front.cert)}
    done = subprocess.run(command, env=trusting, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert front.serve.result("ship-tls/2019-08-01.csv") == CSV.read_bytes()


def test_the_allow_list_judges_the_address_that_the_proxy_saw(front):
    for source in [LISTED, OTHER_LISTED]:
        status, head = front.ask("seen", "-o", "/dev/null", "-D", "-", source=source)
        assert status == 200
        assert f"log2aws-source: {source}" in head.lower().splitlines()
    assert front.ask("seen", source=UNLISTED)[0] == 403
    assert UNLISTED in front.serve.log()


@pytest.mark.parametrize("claimed", [LISTED, f"{LISTED}, {LISTED}", "::1", "nonsense", "127.0.0.1"])
def test_a_caller_gains_nothing_by_its_own_x_forwarded_for(front, claimed):
    header = ["-H", f"X-Forwarded-For: {claimed}"]
    assert front.ask("liar", *header, source=UNLISTED)[0] == 403
    # Past the proxy: only the proxy's own address may name another.
    assert front.ask("liar", *header, source=UNLISTED, api=front.serve.url)[0] == 403
    # And nobody loses anything by it either.
    status, head = front.ask("honest", *header, "-o", "/dev/null", "-D", "-", source=LISTED)
    assert status == 200
    assert f"log2aws-source: {LISTED}" in head.lower().splitlines()


def test_a_url_that_was_passed_on_changes_nothing(front):
    _, url = front.ask("passed-on", source=LISTED)
    claim = ["-H", f"X-Forwarded-For: {LISTED}"]
    status, body = front.curl("--upload-file", str(LOG), *claim, url, source=UNLISTED)
    assert status == 403 and "AccessDenied" in body, body
    for bucket in [RAW, ANALYZED]:
        listed = front.serve.s3().list_objects_v2(Bucket=bucket, Prefix="passed-on/")
        assert listed["KeyCount"] == 0, listed


@pytest.mark.parametrize("snippet", [
    "proxy_set_header X-Real-IP $remote_addr;",
    'proxy_set_header Forwarded "for=$remote_addr";',
    "",
])
def test_a_proxy_that_does_not_say_who_asks_is_refused(tmp_path, snippet):
    front = Nginx(tmp_path, forwarded=snippet)
    try:
        status, body = front.ask("nobody", source=LISTED)
        assert status == 400 and "X-Forwarded-For" in body, body
        assert front.curl(f"{front.url}/-/readyz", source=LISTED)[0] == 200
    finally:
        front.stop()


def test_the_s3_api_works_and_stays_closed_behind_the_proxy(front):
    s3 = front.s3()
    # Over TLS boto3 does not sign the body: it sends chunks and a checksum behind them.
    body = os.urandom(9 << 20)
    s3.put_object(Bucket=RAW, Key="behind/large.bin", Body=body)
    assert s3.get_object(Bucket=RAW, Key="behind/large.bin")["Body"].read() == body
    url = s3.generate_presigned_url("get_object", {"Bucket": RAW, "Key": "behind/large.bin"})
    parts = urllib.parse.urlsplit(url)
    bare = parts._replace(query="").geturl()
    for path in [bare, f"{front.url}/{RAW}?list-type=2", f"{front.url}/-/metrics"]:
        assert front.curl("-o", "/dev/null", path, source=LISTED)[0] in (401, 403)


def test_a_proxy_that_nobody_named_opens_nothing(tmp_path):
    front = Nginx(tmp_path, named=False)
    try:
        # All of them come to serve from 127.0.0.1, which is on the list.
        for source in [LISTED, OTHER_LISTED, UNLISTED]:
            assert front.ask("unnamed", source=source)[0] == 403
        assert front.ask("unnamed", source=OTHER_LISTED, api=front.serve.url)[0] == 200
    finally:
        front.stop()


def post(framing, body=b""):
    head = f"POST / HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\n{framing}\r\n"
    return head.encode("latin-1") + body


CHUNKED = "Transfer-Encoding: chunked\r\n"

# Bodies whose end nginx and serve could see in two places.
DOUBTFUL = {
    "length-and-chunks": post(f"Content-Length: 3\r\n{CHUNKED}", b"0\r\n\r\n"),
    "chunks-and-length": post(f"{CHUNKED}Content-Length: 3\r\n", b"0\r\n\r\n"),
    "two-lengths": post("Content-Length: 0\r\nContent-Length: 3\r\n"),
    "length-list": post("Content-Length: 0, 3\r\n"),
    "signed-length": post("Content-Length: +0\r\n"),
    "negative-length": post("Content-Length: -1\r\n"),
    "length-overflow": post("Content-Length: 18446744073709551616\r\n"),
    "space-before-colon": post("Content-Length : 3\r\n"),
    "folded": post("X: y\r\n Content-Length: 3\r\nTransfer-Encoding: xchunked\r\n"),
    "unknown-coding": post("Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "two-codings": post("Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "coding-twice": post(f"{CHUNKED}Transfer-Encoding: identity\r\n", b"0\r\n\r\n"),
    "tab-before-coding": post("Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"),
    "chunk-without-size": post(CHUNKED, b"\r\n0\r\n\r\n"),
    "chunk-of-hex-prefix": post(CHUNKED, b"0x0\r\n\r\n"),
    "negative-chunk": post(CHUNKED, b"-1\r\n\r\n0\r\n\r\n"),
    "chunk-overflow": post(CHUNKED, b"10000000000000000\r\nab\r\n0\r\n\r\n"),
    "chunk-longer-than-said": post(CHUNKED, b"1\r\nab\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_nothing_is_smuggled_behind_a_body_whose_end_is_in_doubt(front, what):
    """The request behind it would put a log past nginx's own count of requests."""
    _, url = front.ask("smuggled", source=OTHER_LISTED)
    target = url.removeprefix(front.url)
    hidden = (
        f"PUT {target} HTTP/1.1\r\nHost: {NAME}:{front.port}\r\nContent-Length: 3\r\n\r\nlog"
    )
    context = ssl.create_default_context(cafile=front.cert)
    with socket.create_connection(("127.0.0.1", front.port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname=NAME) as stream:
            stream.sendall(DOUBTFUL[what] + hidden.encode())
            answered = b""
            try:
                while piece := stream.recv(65536):
                    answered += piece
            except (ConnectionResetError, ssl.SSLError):
                pass
    statuses = re.findall(rb"(?:^|\n)HTTP/1\.1 (\d+)", answered)
    assert statuses in ([b"400"], [b"501"]), answered
    listed = front.serve.s3().list_objects_v2(Bucket=RAW, Prefix="smuggled/")
    assert listed["KeyCount"] == 0, listed
    # The next caller on nginx's kept connections has an answer of its own.
    assert front.ask("next", source=LISTED)[0] == 200
