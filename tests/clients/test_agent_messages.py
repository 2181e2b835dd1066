"""The messages that the manual of the servers' side quotes: each is one that the program prints."""

import json
import os
import re

import pytest
from agent_machine import ENDPOINT
from agent_manual import PAGES, machine, messages, rows, section, yesterday  # noqa: F401
from agent_peers import EXPIRED, OURS, URL, answering, certificate
from conftest import ROOT


def source():
    """The code's texts, with those that stand on several lines joined."""
    crates = [ROOT / "crates" / name / "src" for name in ("log2aws-agent", "log2aws-cli", "log2aws-core")]
    files = [file for crate in crates for file in sorted(crate.rglob("*.rs"))]
    text = "\n".join(file.read_text() for file in files)
    return re.sub(r"\\\n\s*", "", text).replace('\\"', '"')


@pytest.mark.parametrize("page", PAGES)
def test_each_message_is_one_of_the_code(page):
    code = source()
    for parts in messages(page):
        assert sum(map(len, parts)) >= 12, f"{parts} could be anything"
        for part in parts:
            assert part in code, f"{part!r} is not in the code"


@pytest.mark.parametrize("page", PAGES)
def test_the_doctors_lines_are_those_of_the_code(page):
    code, table = source(), rows(section(page, "## doctor" if page == PAGES[0] else "## doctor の診断"))
    labels = code[code.index("impl Check {") : code.index("pub enum Verdict")]
    labels = re.findall(r'Self::\w+ => "([^"]+)"', labels)
    assert [row[0].strip("`") for row in table] == labels
    for _, says, *_ in table:
        for part in says.strip("`").split("…"):
            assert part.strip() in code, f"{part!r} is not in the code"


# What an endpoint answers, and which message that makes of `ship`.
ANSWERS = {
    "it answered with a web page": (200, "<html>log in</html>"),
    "but not as log2aws does": (403, "Forbidden"),
    "refuses this machine": (403, "this address may not ask for this URL", OURS),
    "has too many requests": (429, "later", OURS),
    "gave up: the next retry": (429, "later", [*OURS, ("Retry-After", "3600")]),
    "it wants the log sent to": (200, URL.replace("HERE", "http://elsewhere.example"), OURS),
    "the store … is full": (200, URL, OURS, 507),
    "the store already had": (200, URL, OURS, 412),
    "refuses the upload": (200, URL, OURS, 403),
    "says that the URL has expired": (200, URL, OURS, 403, EXPIRED),
    "a proxy in between changes": (
        200, URL, OURS, 403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
    "does not take this day again": (
        409, json.dumps({"detail": "the day is final"}), [*OURS, ("Content-Type", "application/problem+json")]),
    "delivered to another store": (200, URL, OURS),
    "if a proxy inspects TLS": (200, URL, OURS),
    "is this machine's clock right?": (200, URL, OURS),
    "is that its name?": (200, URL, OURS),
    "the API was asked over https": (200, URL, OURS),
}
# Of which certificate the answer is, and the flags for it.
TLS = {
    "if a proxy inspects TLS": ("right", ""),
    "is this machine's clock right?": ("expired", "--ca-file {folder}/ca.pem"),
    "is that its name?": ("other-name", "--ca-file {folder}/ca.pem"),
    "the API was asked over https": ("right", "--ca-file {folder}/ca.pem"),
}
# What is run before.
BEFORE = {"delivered to another store": f"log2aws-agent ship --api {ENDPOINT}; "}
LOG = "/var/log/log2aws"
MOUNT = "mkdir -p /var/lib/log2aws-agent; unshare --mount sh -c 'mount -t tmpfs"
# Commands, and which message they make.
COMMANDS = {
    "no endpoint is set": "log2aws-agent ship",
    "unknown key": "echo 'ap1 = 1' >> /etc/log2aws/agent.toml; log2aws-agent config check",
    "must be a path from the root": (
        "echo 'log-dir = \"logs\"' >> /etc/log2aws/agent.toml; log2aws-agent config check"),
    "the API's address must end": "log2aws-agent ship --api 'http://log2aws.example/?server=web01'",
    "the server name contains": "log2aws-agent sample --server web/01",
    "the log folder … belongs": "chown 4711 /var/log/log2aws; log2aws-agent sample",
    "the log folder … is a symbolic": (
        "ln -s log2aws /var/log/linked; log2aws-agent sample --log-dir /var/log/linked"),
    "the state folder … belongs": (
        f"mkdir -p /var/lib/log2aws-agent; chown 4711 /var/lib/log2aws-agent;"
        f" log2aws-agent ship --api {ENDPOINT}"),
    "the state folder … cannot": "log2aws-agent run --state-dir /etc/log2aws/agent.toml/state",
    "another run": "systemctl start; sleep 1; log2aws-agent run",
    "another ship": (
        f"mkdir -p /var/lib/log2aws-agent; flock /var/lib/log2aws-agent/ship.lock"
        f" log2aws-agent ship --api {ENDPOINT}"),
    "would be the log of a day": (
        "day=$(TZ=AAA-14 date +%F); touch /var/log/log2aws/$day.log;"
        f" log2aws-agent ship --api {ENDPOINT} --time-zone BBB12 --date $day"),
    "it is no time zone": "log2aws-agent sample --time-zone Asia/Tokio",
    "cannot be read (": "mkdir /etc/log2aws/agent.env; log2aws-agent ship",
    "the connection was refused": "log2aws-agent ship --max-time 1 --api http://127.0.0.1:1/",
    "the name cannot be resolved": "log2aws-agent ship --max-time 1 --api http://no-such.invalid/",
    "is not the address": f"http_proxy=socks5://10.0.0.1:1080 log2aws-agent ship --api {ENDPOINT}",
    "nothing is delivered until the config is right": (
        "echo 'ap1 = 1' >> /etc/log2aws/agent.toml; timeout 1 log2aws-agent run"),
    "the day log … cannot be opened": f"{MOUNT} -o ro tmpfs {LOG}; exec log2aws-agent sample'",
    "it is on a read-only file system": f"{MOUNT} -o ro tmpfs {LOG}; exec log2aws-agent sample'",
    "make room there": (
        f"{MOUNT} -o nr_inodes=1 tmpfs /var/lib/log2aws-agent; exec log2aws-agent ship --api {ENDPOINT}'"),
    "the line cannot be written to": (
        f"{MOUNT} -o size=64k tmpfs {LOG}; cat /dev/zero > {LOG}/other; exec log2aws-agent sample'"),
    "does not begin with the": (
        f"log2aws-agent ship --api {ENDPOINT}; echo begun anew > {LOG}/$(date -d yesterday +%F).log;"
        f" log2aws-agent ship --api {ENDPOINT}"),
    "written as": (
        f"echo '# log2aws/1 server=web02 cores=1 tz=UTC mode=interval' > {LOG}/2026-01-02.log;"
        f" log2aws-agent ship --api {ENDPOINT}; false"),
    "this machine has the default host name": (
        f"unshare --uts sh -c 'hostname debian; exec log2aws-agent ship --api {ENDPOINT}'"),
    "no way leads there": "unshare --net log2aws-agent ship --max-time 1 --api http://192.0.2.1/",
    # A socket whose queue is full takes no connection, and refuses none.
    "no connection in time": f"""python3 -c '
import socket, subprocess, sys
full = socket.create_server(("127.0.0.1", 0), backlog=0)
waiting = [socket.socket() for _ in range(4)]
for one in waiting:
    one.setblocking(False)
    one.connect_ex(full.getsockname())
api = "http://127.0.0.1:%d/" % full.getsockname()[1]
sys.exit(subprocess.run(["log2aws-agent", "ship", "--max-time", "11", "--api", api]).returncode)'""",
}
# Those whose cause takes more than a command, and the test that has it.
ELSEWHERE = {
    "ends, so that systemd starts it again": (
        "crates/log2aws-agent-bin/tests/it/service/life.rs",
        "a_folder_that_stays_lost_ends_it_where_a_manager_starts_it_again"),
    "the line is written to": ("tests/clients/test_agent_situations.py", "today's log is locked"),
    "belongs to user": ("tests/clients/test_agent_situations.py", "a log of another user"),
    "the proxy … does not let this machine": (
        "tests/clients/test_squid.py", "test_a_proxy_that_forbids_the_endpoint_is_told"),
    "the proxy … wants a user and a password": (
        "tests/clients/test_squid.py", "test_a_password_that_is_missing_or_wrong_is_told_and_not_tried_again"),
    "the proxy … does not accept the user": (
        "tests/clients/test_squid.py", "test_a_password_that_is_missing_or_wrong_is_told_and_not_tried_again"),
    "the proxy cannot reach it": (
        "tests/clients/test_squid.py", "test_an_endpoint_that_the_proxy_cannot_reach_is_told_as_that"),
}


def test_every_message_has_a_test_that_prints_it():
    found = {}
    for begins in [*ANSWERS, *COMMANDS, *ELSEWHERE]:
        found.setdefault("".join(message_of(begins)), []).append(begins)
    told = ["".join(parts) for parts in messages(PAGES[0])]
    assert [message for message in told if len(found.get(message, [])) != 1] == []
    for path, name in ELSEWHERE.values():
        assert name in (ROOT / path).read_text(), f"{path} has no {name}"


def message_of(begins):
    """The message in the manual that begins so."""
    plain = begins.replace(" … ", "…")
    found = [parts for parts in messages(PAGES[0]) if "…".join(parts).startswith(plain)]
    assert len(found) == 1, (begins, found)
    return found[0]


@pytest.mark.parametrize("begins", [*ANSWERS, *COMMANDS])
def test_a_message_is_said_where_its_cause_is(machine, begins):
    parts = message_of(begins)
    machine.whole_day("log2aws", yesterday())
    if begins in ANSWERS:
        kind, flags = TLS.get(begins, (None, ""))
        certified = certificate(kind, machine.folder) if kind else None
        url, server = answering(*ANSWERS[begins], certificate=certified)
        command = f"{BEFORE.get(begins, '')}log2aws-agent ship --max-time 2 --api {url} {flags}"
        told = late = "not finished in the time that was left"
        # A random wait can leave a moment that is too short for another attempt.
        while late in told:
            told = machine.run(command.format(folder=machine.folder), code=None)
        server.shutdown()
    elif os.geteuid() != 0 and re.search("unshare|chown", COMMANDS[begins]):
        pytest.skip("only root can mount, and give a folder away")
    else:
        told = machine.run(COMMANDS[begins], code=None)
    assert re.search(".*".join(map(re.escape, parts)), " ".join(told.split())), told


# Of each line of doctor with a message in the manual: a command that prints it, and who answers there.
DOCTOR = {
    "server": "unshare --uts sh -c 'hostname localhost; exec log2aws-agent doctor'",
    "zone": "TZ=Asia/Tokio log2aws-agent doctor",
    "log folder": f"chmod 0555 {LOG}; setpriv --bounding-set=-dac_override log2aws-agent doctor",
    "state folder": f"{MOUNT} tmpfs /var/lib/log2aws-agent; exec log2aws-agent doctor'",
    "service": f"""
        {MOUNT} -o ro tmpfs {LOG}; exec log2aws-agent run --interval 10s' &
        until grep -q "Read-only" /var/lib/log2aws-agent/service.json; do sleep 0.05; done
        log2aws-agent doctor && code=0 || code=$?
        kill %1; wait; exit $code""",
    "samples": "log2aws-agent doctor",
    "lines": f"echo 'no line' >> {LOG}/$(date -d yesterday +%F).log; log2aws-agent doctor",
    "key": """
        log2aws-agent key new --server web01; chmod 0644 /var/lib/log2aws-agent/server-keys
        log2aws-agent doctor""",
    "deliveries": f"""
        for n in 2 3 4; do touch {LOG}/$(date -d "-$n days" +%F).log; done
        log2aws-agent doctor --api {ENDPOINT}""",
    "api": "log2aws-agent doctor",
    "name": "log2aws-agent doctor --api http://no-such.invalid/",
    "connection": "log2aws-agent doctor --api http://127.0.0.1:1/",
    "tls": (200, URL, OURS),
    "answer": (403, "Forbidden"),
    "allow-list": (403, "this address may not ask for this URL", OURS),
    "clock": (200, URL, [*OURS, ("Date", "Wed, 01 Jan 2020 00:00:00 GMT")]),
    "store": (200, URL.replace("HERE", "http://127.0.0.1:1"), OURS),
}


def doctors_messages():
    return {row[0].strip("`"): row[1].strip("`") for row in rows(section(PAGES[0], "## doctor")) if row[1]}


def test_every_line_of_the_doctor_has_a_test_that_prints_it():
    # The proxy's: test_squid.py, test_a_proxy_that_forbids_the_endpoint_is_told. The samplers' needs an
    # hour of today: crates/log2aws-agent/tests/it/doctor/home.rs, two_samplers_write_into_one_log.
    assert set(doctors_messages()) - {"proxy", "samplers"} == set(DOCTOR)


@pytest.mark.parametrize("check", DOCTOR)
def test_the_doctor_says_it_where_its_cause_is(machine, check):
    command = DOCTOR[check]
    machine.whole_day("log2aws", yesterday())
    if isinstance(command, tuple):
        certified = certificate("right", machine.folder) if check == "tls" else None
        url, server = answering(*command, certificate=certified)
        told = machine.run(f"log2aws-agent doctor --api {url}", code=None)
        server.shutdown()
    elif os.geteuid() != 0 and re.search("unshare|setpriv", command):
        pytest.skip("only root can mount, and drop what root may")
    else:
        told = machine.run(command, code=None)
    message = ".*".join(map(re.escape, re.split(" ?… ?", doctors_messages()[check])))
    assert re.search(rf"^(warn|fail)  {check} .*{message}", told, re.M), told
