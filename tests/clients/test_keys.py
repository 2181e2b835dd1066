"""Keys of servers: `log2aws key` and `log2aws-agent key` against a running serve, as people use them."""

import hashlib
import json
import pathlib
import re
import stat
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from conftest import ANALYZED, PATIENCE, RAW, ROOT, Serve, binary

LOG = ROOT / "testdata" / "day.log"
DAY = "2019-08-01"
REGISTRY = ".log2aws/keys.json"

@pytest.fixture
def serve(tmp_path):
    running = Serve(tmp_path / "data")
    yield running
    assert running.stop() == 0, running.log()


def agent():
    path = pathlib.Path(binary()).parent / "log2aws-agent"
    return str(path) if path.is_file() else binary()


class Server:
    """A server with its own folders."""

    def __init__(self, serve, name, folder):
        self.serve, self.name = serve, name
        self.state, self.logs = folder / f"{name}-state", folder / f"{name}-logs"
        self.logs.mkdir()

    def run(self, *args):
        paths = ["--server", self.name, "--state-dir", str(self.state)]
        command = [agent(), *args, *paths]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def new(self, *args):
        made = self.run("key", "new", *args)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def enrol(self, code):
        return self.run("key", "enrol", code, "--api", self.serve.url)

    def ship(self, day=DAY):
        (self.logs / f"{day}.log").write_bytes(LOG.read_bytes() + f"# {day}\n".encode())
        self.logs.chmod(0o755)
        args = ["ship", "--api", self.serve.url, "--log-dir", str(self.logs), "--date", day]
        return self.run(*args, "--max-time", "20")


def key(serve, *args, check=True):
    command = [binary(), "key", *args, "--endpoint-url", serve.url]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=serve.environment()
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def until(serve, condition):
    """Waits until the registry that serve holds is the present one."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, serve.log()
        time.sleep(0.1)


def ask(serve, server, **more):
    """The status and the body of a request for a URL."""
    query = "&".join(f"{name}={value}" for name, value in more.items())
    url = f"{serve.url}/?server={server}&date={DAY}&{query}"
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


BOUND = {
    "size": 1,
    "sha256": hashlib.sha256(b"a").hexdigest(),
    "request_id": "0123456789abcdef",
}


def is_encrypted(serve, server):
    status, body = ask(serve, server, **BOUND)
    return status == 200 and '"ct":' in body


def test_a_server_with_a_key_delivers_by_encrypted_urls_alone(serve, tmp_path):
    web01 = Server(serve, "web01", tmp_path)
    public = web01.new()
    private = web01.state / "server-keys"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600

    # Until it is registered the server takes no plain URL.
    refused = web01.ship()
    assert refused.returncode == 1
    assert "answers with a plain URL" in refused.stdout and "key list" in refused.stdout

    key(serve, "register", "web01", public)
    until(serve, lambda: is_encrypted(serve, "web01"))
    delivered = web01.ship()
    assert delivered.returncode == 0, delivered.stdout + delivered.stderr
    body = serve.s3().get_object(Bucket=RAW, Key=f"web01/{DAY}.log")["Body"].read()
    assert body.startswith(LOG.read_bytes())

    # Nobody gets a plain URL for it: not curl, not an older agent, not with its bytes.
    for more in ({}, {"size": 1, "sha256": BOUND["sha256"]}):
        status, body = ask(serve, "web01", **more)
        assert status == 400 and "request_id" in body and "X-Amz" not in body
    status, body = ask(serve, "web01", **BOUND)
    assert status == 200 and set(json.loads(body)) == {"v", "key_id", "request_id", "enc", "ct"}
    # A server without a key goes on as before.
    status, body = ask(serve, "web02")
    assert status == 200 and "X-Amz-Signature" in body

    log = serve.log()
    assert private.read_text().split(":")[1].strip() not in log
    assert "X-Amz-Signature" not in log


def test_a_key_is_rotated_without_a_lost_day_in_either_order(serve, tmp_path):
    web01 = Server(serve, "web01", tmp_path)
    key(serve, "register", "web01", web01.new())
    until(serve, lambda: is_encrypted(serve, "web01"))
    second = web01.new("--replace")
    # Not registered yet: the server still opens what is encrypted to its present key.
    assert web01.ship("2019-08-01").returncode == 0
    told = key(serve, "register", "web01", second, check=False)
    assert told.returncode == 1 and "log2aws key rotate web01" in told.stderr
    key(serve, "rotate", "web01", second)
    assert web01.ship("2019-08-02").returncode == 0
    first = key(serve, "list").stdout.splitlines()[1].split()[1]
    key(serve, "revoke", "web01", "--key", first, "--why", "rotated")
    until(serve, lambda: json.loads(ask(serve, "web01", **BOUND)[1])["key_id"] != first)
    assert web01.ship("2019-08-03").returncode == 0
    listed = key(serve, "list").stdout
    assert re.search(rf"{first} +revoked .*rotated", listed), listed
    assert len(re.findall(r" valid ", listed)) == 1


def test_a_revoked_server_gets_nothing_until_its_next_key_is_registered(serve, tmp_path):
    web01 = Server(serve, "web01", tmp_path)
    first = web01.new()
    key(serve, "register", "web01", first)
    until(serve, lambda: is_encrypted(serve, "web01"))
    key(serve, "revoke", "web01", "--why", "stolen")
    until(serve, lambda: ask(serve, "web01", **BOUND)[0] == 403)
    told = web01.ship()
    assert told.returncode == 5
    assert "revoked" in told.stdout and "allow-list" not in told.stdout
    again = key(serve, "register", "web01", first, check=False)
    assert again.returncode == 1 and "was revoked by" in again.stderr
    key(serve, "register", "web01", web01.new("--replace"))
    until(serve, lambda: is_encrypted(serve, "web01"))
    assert web01.ship().returncode == 0


def test_a_server_enrols_by_a_code_and_a_stranger_does_not(serve, tmp_path):
    web01 = Server(serve, "web01", tmp_path)
    closed = web01.enrol(key(serve, "register", "db01", "--code").stdout.strip())
    assert closed.returncode == 1 and "the code is for db01" in closed.stderr
    code = key(serve, "register", "web01", "--code").stdout.strip()
    assert code not in key(serve, "list", "--json").stdout
    early = key(serve, "accept", "web01", check=False)
    assert early.returncode == 1 and "has delivered no key" in early.stderr
    until(serve, lambda: web01.enrol(code).returncode == 0)

    # Somebody else on the allow-list puts a key of theirs, without the code.
    (tmp_path / "other").mkdir()
    other = Server(serve, "web01", tmp_path / "other")
    forged = json.dumps({"v": 1, "server": "web01", "key": other.new(), "mac": "0" * 64}).encode()
    put(serve, "web01", forged)
    told = key(serve, "accept", "web01", check=False)
    assert told.returncode == 1 and "was not made with the code" in told.stderr
    assert "valid" not in key(serve, "list").stdout

    assert web01.enrol(code).returncode == 0
    key(serve, "accept", "web01")
    until(serve, lambda: is_encrypted(serve, "web01"))
    assert web01.ship().returncode == 0
    # Once.
    used = web01.enrol(code)
    assert used.returncode == 5 and "no enrolment of this server is open" in used.stderr


def put(serve, server, body):
    """Puts a request for enrolment, as anybody on the allow-list can while one is open."""
    sha256 = hashlib.sha256(body)
    query = f"server={server}&date={DAY}&enrol=1&size={len(body)}&sha256={sha256.hexdigest()}"
    request = urllib.request.Request(
        f"{serve.url}/?{query}", headers={"Accept": "application/json"}
    )
    answer = json.loads(urllib.request.urlopen(request).read())
    assert answer["key"] == f".log2aws/enrol/{server}"
    upload = urllib.request.Request(
        answer["url"], data=body, method="PUT", headers=answer["headers"]
    )
    assert urllib.request.urlopen(upload).status == 200


def test_without_a_readable_registry_nobody_gets_a_url(serve, tmp_path):
    assert ask(serve, "web01")[0] == 200
    s3 = serve.s3()
    for damage in (b'{"format":1,"serv', b'{"format":9}', None):
        if damage is None:
            s3.delete_object(Bucket=ANALYZED, Key=REGISTRY)
        else:
            s3.put_object(Bucket=ANALYZED, Key=REGISTRY, Body=damage)
        until(serve, lambda: ask(serve, "web01")[0] == 503)
        status, body = ask(serve, "web01")
        assert status == 503 and "the registered keys cannot be read" in body, body
    # A restart does not make it again, since servers may have had keys.
    assert serve.stop() == 0
    again = Serve(serve.data)
    try:
        assert ask(again, "web01")[0] == 503
        assert "log2aws key list --init" in again.log()
        told = key(again, "register", "web01", "x25519:" + "A" * 43, check=False)
        assert told.returncode == 2 and "no usable X25519 key" in told.stderr
        told = key(again, "list", check=False)
        assert told.returncode == 1 and "--init" in told.stderr
        key(again, "list", "--init")
        until(again, lambda: ask(again, "web01")[0] == 200)
    finally:
        assert again.stop() == 0
    serve.stop = lambda: 0


def test_where_keys_are_required_a_server_without_one_gets_no_url(tmp_path):
    strict = Serve(tmp_path / "data", "--require-keys")
    try:
        status, body = ask(strict, "web01", **BOUND)
        assert status == 403 and "log2aws-agent key new" in body
    finally:
        assert strict.stop() == 0, strict.log()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "an SSH key, Ed25519"),
        ("-----BEGIN PUBLIC KEY-----", "a PEM file"),
        ("x25519-private:" + "A" * 43, "a private key, which never leaves"),
        ("x25519:AAAA", "is it complete?"),
        ("hello", "log2aws-agent key new"),
    ],
)
def test_what_is_no_key_of_a_server_is_told_as_what_it_is(text, told):
    command = [binary(), "key", "register", "--", "web01", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and told in done.stderr, done.stderr
