"""What an operator meets with `log2aws-agent`: one situation a row, run with the built program.

A row prepares a machine, runs commands, and says how the last of them ends and what it must and must
not print. Situations that other tests of the built program hold are not here twice:

| situation | test |
| --- | --- |
| proxies: a login with `%40`, a refusal (403), a wrong login (407), no connection behind | `test_squid.py` |
| an expired URL, another upload host, a full store, a changed request, a login page | `test_agent_messages.py` |
| a second `run`, a second `ship`, folders of another user, a day that has not come | `test_agent_messages.py` |
| a wrong key at a start and at a reload, a folder that is lost, SIGTERM while it measures | `log2aws-agent-bin`, `service/life.rs` |
| another zone, another proxy than the service's, `agent.env` | `log2aws-agent-bin`, `service/settings.rs` |
| an API that is gone, in the journal | `log2aws-agent-bin`, `service/shipping.rs` |
| never sampled, 90 days pending, the logs of cron, in `status` | `log2aws-agent-bin`, `service/status.rs` |
| a full disk and one without names that fill and empty | `log2aws-agent-bin`, `proof/small_disk.rs` |
| a power cut and a kill at any moment | `log2aws-agent-bin`, `proof/durable.rs`, `proof/kills.rs` |
| under systemd, old and new: start, restart, lost folders, modes, stop | `tests/packages/test_booted.py` |
"""

import dataclasses
import datetime
import os
import pathlib
import re
import subprocess
import tempfile

import pytest
from agent_peers import OURS, URL, answering, certificate
from conftest import ROOT, binary

AGENT = os.environ.get("LOG2AWS_AGENT", ROOT / "target" / "debug" / "log2aws-agent")
TODAY = datetime.date.today()
YESTERDAY = TODAY - datetime.timedelta(days=1)
LINE = ("00:10:00 up 45 days, 20:14, 0 users, load average: 21.12, 22.57, 22.50"
        " 68 2 493744 379083296 0 8007348 0 0 1852 156 14021 9310 71 9 12 8 0")
# In the commands: makes a log of yesterday.
PENDING = f"echo '{YESTERDAY} {LINE}' > log/{YESTERDAY}.log\n"
# The same, by the agent under this name.
SAMPLED_BY = (f"(echo '# log2aws/1 server={{}} cores=1 tz=UTC mode=interval'; echo '{YESTERDAY} {LINE}')"
              f" > log/{YESTERDAY}.log\n")
FAILS, MISSING, REFUSED = 1, 4, 5


@dataclasses.dataclass(frozen=True)
class Row:
    """A situation: commands, the exit code of the last one, and its words."""

    name: str
    run: str
    code: int
    says: tuple = ()
    never: tuple = ()
    # What answers at $API instead of a `serve`: the arguments of `answering`.
    peer: tuple = None
    # Of which certificate it is; see `certificate`.
    tls: str = None
    root: bool = False


def ship(name, peer, code, *says, never=(), tls=None, proxy=""):
    """A delivery of one log to such a peer; a random wait can leave a moment that is too short."""
    run = f"{PENDING}{proxy}log2aws-agent ship --max-time 2"
    return Row(name, run, code, says, ("panicked", *never), peer, tls)


def answer(status, body="", headers=OURS):
    return (status, body, headers)


def put(status, error=""):
    return (200, URL, OURS, status, error)


def code_of(name):
    return f"<Error><Code>{name}</Code><Message>a message</Message></Error>"


ROWS = [
    # The ordinary way.
    Row("two days are pending", f"{PENDING} cp log/{YESTERDAY}.log log/2026-01-02.log; log2aws-agent ship", 0,
        ("2026-01-02: delivered (", f"{YESTERDAY}: delivered (", "sha256 ")),
    Row("all is delivered", f"{PENDING} log2aws-agent ship; log2aws-agent ship", 0,
        ("nothing to do",)),
    Row("90 logs are pending", f"""
        for n in {{1..90}}; do echo '{LINE}' > log/$(date -d "-$n days" +%F).log; done
        log2aws-agent ship > said; sort --check said; grep --count delivered said""", 0, ("90",)),
    Row("the state is lost", f"""
        {PENDING} log2aws-agent ship > said
        for file in $(find state -type f); do head -c 100 /dev/urandom > $file; done
        log2aws-agent ship --date {YESTERDAY}""", 0, (f"{YESTERDAY}: delivered (",)),

    # What a delivery is known by.
    Row("the endpoint has another spelling", f"""
        {PENDING} log2aws-agent ship > said
        log2aws-agent ship --api $LOG2AWS_API/; log2aws-agent ship --api ${{LOG2AWS_API/127.0.0.1/localhost}}
        """, 0, ("nothing to do",), ("delivered (",)),
    Row("the host is renamed", f"""
        {SAMPLED_BY.format("web01")} log2aws-agent ship > said; log2aws-agent ship --server web02""", 0,
        ("nothing to do",), ("delivered (",)),
    Row("the machine is a copy of another", f"{SAMPLED_BY.format('web02')} log2aws-agent ship", 0,
        ("written as web02, and delivered as web01", "if this host is a copy of the other one")),

    # Somebody else answers, or the endpoint says no.
    ship("a login page by a redirect", answer(302, "", [("Location", "http://login.example/")]), MISSING,
         "another host", "was not followed"),
    ship("the answer is null", answer(200, "null"), MISSING,
         ": it answered 200, but with \"null\" instead"),
    ship("the answer is 204", answer(204), MISSING, "204"),
    ship("the answer is 401", answer(401, "who are you?"), MISSING, "401", "who are you?"),
    ship("the endpoint is retired", answer(410, "This endpoint was retired, use https://new.example/"),
         MISSING, "410", "use https://new.example/"),
    ship("a wait of 30 years", answer(429, "", [*OURS, ("Retry-After", "999999999")]), MISSING,
         "s, but only"),
    ship("the store answers with a page", put(200, "<html>log in</html>"), MISSING,
         "200 to the upload, but not as a store does"),
    ship("the bucket does not exist", put(404, code_of("NoSuchBucket")), MISSING, "404", "NoSuchBucket"),
    ship("the digest is wrong", put(400, code_of("BadDigest")), MISSING, "400", "BadDigest"),
    ship("the store's clock differs", put(403, code_of("RequestTimeTooSkewed")), REFUSED,
         "clock", never=("allow-list",)),

    # The way there.
    ship("the proxy is down", answer(200), MISSING, "the proxy 127.0.0.1:1", "the connection was refused",
         proxy="http_proxy=http://127.0.0.1:1 "),
    ship("a # in the proxy's password", answer(200), MISSING, "is not the address of an HTTP proxy",
         never=("se#cret",), proxy="http_proxy=http://ops:se#cret@127.0.0.1:3128 "),
    ship("the authority is not trusted", answer(200), MISSING, "UnknownIssuer",
         "or be named with --ca-file", tls="own"),
    ship("the certificate has expired", answer(200), MISSING, "Expired",
         "is this machine's clock right?", tls="expired",
         proxy="LOG2AWS_CA_FILE=$PWD/ca.pem "),
    ship("the certificate is another host's", answer(200), MISSING, "is that its name?", tls="other-name",
         proxy="LOG2AWS_CA_FILE=$PWD/ca.pem "),
    ship("there is no TLS", answer(200), MISSING, "does it speak TLS on this port, 1.2 or newer?",
         proxy="LOG2AWS_API=${LOG2AWS_API/http:/https:} "),
    ship("there is TLS", answer(200), MISSING, "the connection was cut", tls="own",
         proxy="LOG2AWS_API=${LOG2AWS_API/https:/http:} "),
    Row("the first address is dead", f"""{PENDING}
        cat > inside <<'END'
        ip link set lo up; ip link add dead type veth peer name other
        ip link set dead up; ip link set other up
        ip -6 address add 2001:db8::1/64 dev dead nodad
        (echo "2001:db8::2 endpoint.example"; echo "127.0.0.1 endpoint.example") > hosts
        mount --bind hosts /etc/hosts
        $SERVE serve --listen 127.0.0.1:8750 --data-dir $PWD/inner --allow-hosts 127.0.0.1 \\
            --public-url http://endpoint.example:8750 --trusted-proxy 127.0.0.2 > url &
        while kill -0 %1 && [ ! -s url ]; do sleep 0.05; done
        export LOG2AWS_API=http://endpoint.example:8750
        log2aws-agent doctor
        log2aws-agent ship && code=0 || code=$?
        kill %1; wait; exit $code
END
        unshare --mount --net bash -u inside""", 0,
        ("2001:db8::2", f"{YESTERDAY}: delivered ("), root=True),

    # The doctor, about the same.
    Row("doctor: a login page", "log2aws-agent sample; log2aws-agent doctor", FAILS,
        ("fail answer", "a web page"), peer=answer(200, "<html>log in</html>", ())),
    Row("doctor: the certificate has expired by this clock",
        "LOG2AWS_CA_FILE=$PWD/ca.pem log2aws-agent doctor",
        FAILS, ("fail tls", "expired"), (), answer(200), "expired"),
    Row("doctor: no TLS there", "log2aws-agent doctor --api ${LOG2AWS_API/http:/https:}", FAILS,
        ("fail tls",), peer=answer(200)),
    Row("doctor: TLS there", "log2aws-agent doctor --api ${LOG2AWS_API/https:/http:}", FAILS,
        ("fail answer",), peer=answer(200), tls="own"),
    Row("doctor: a typing error in TZ", "log2aws-agent sample; TZ=Asia/Tokio log2aws-agent doctor", 0,
        ("warn zone", "Asia/Tokio", "is no time zone of this machine; days are those of UTC")),

    # Names that many machines have.
    *[Row(f"{verb} on a machine called {name}", f"""{PENDING} unset LOG2AWS_SERVER
          unshare --uts sh -c 'hostname {name}; exec log2aws-agent {verb}'""", FAILS, (words,), root=True)
      for name in ["localhost", "debian", "ubuntu"]
      for verb, words in [("ship", "which other machines share"),
                          ("doctor", "is what many machines are called; nothing is delivered under it")]],

    # Folders and disks.
    Row("a log of another user", f"""
        chown 4711 log state; log2aws-agent sample > log/$(date +%F).log; touch log/$(date +%F).log
        exec setpriv --reuid 4711 --regid 4711 --clear-groups log2aws-agent sample""", FAILS,
        ("belongs to user 0, and this is user 4711", "run as the user who owns it, or chown(1) it"), root=True),
    Row("the log folder's disk is read-only", """
        unshare --mount sh -c 'mount -t tmpfs -o ro tmpfs log; exec log2aws-agent sample'""", FAILS,
        ("it is on a read-only file system: see mount(8)",), ("run as the user",), root=True),
    Row("the state folder's disk is read-only", f"""{PENDING}
        unshare --mount sh -c 'mount -t tmpfs -o ro tmpfs state; exec log2aws-agent ship'""", FAILS,
        ("it is on a read-only file system: see mount(8)",), ("run as the user",), root=True),
    Row("the disk is full", """
        unshare --mount sh -c 'mount -t tmpfs -o size=64k tmpfs log
            cat /dev/zero > log/other; exec log2aws-agent sample'""", FAILS,
        ("the disk is full, and no log of an earlier day is left there that the store has",), root=True),
    Row("no name is left on the disk", """
        unshare --mount sh -c 'mount -t tmpfs -o nr_inodes=1 tmpfs log; exec log2aws-agent sample'""", FAILS,
        ("the disk is full",), ("run as the user",), root=True),
    Row("no name is left for the state", f"""{PENDING}
        unshare --mount sh -c 'mount -t tmpfs -o nr_inodes=1 tmpfs state; exec log2aws-agent ship'""", FAILS,
        ("df -i",), ("run as the user",), root=True),
    Row("today's log is locked", "touch log/$(date +%F).log; flock log/$(date +%F).log log2aws-agent sample; "
        "code=$?; grep --count ' up ' log/*; exit $code", FAILS,
        ("but without a lock: ", "find who holds it with fuser(1)", "1")),
    Row("there is no /proc", """
        unshare --mount sh -c 'mount -t tmpfs tmpfs /proc; exec log2aws-agent sample'""", FAILS,
        ("is /proc mounted?",), root=True),
    Row("there is no /proc/vmstat", """
        mkdir proc; cp /proc/stat /proc/meminfo /proc/uptime /proc/loadavg proc
        unshare --mount sh -c 'mount --bind proc /proc; exec log2aws-agent sample'""", FAILS,
        ("/proc/vmstat", "is /proc mounted?"), root=True),

    # Zones: as date(1) has them.
    *[Row(f"TZ is {zone!r}", f"""export TZ='{zone}'
          before=$(date +'%F %H:%M'); log2aws-agent sample; after=$(date +'%F %H:%M')
          line=$(grep --no-filename ' up ' log/*.log | cut -c 1-16)
          [ "$line" = "$before" ] || [ "$line" = "$after" ] || echo "$line is not $after" """, 0, (), ("is not",))
      for zone in [":/etc/localtime", "/etc/localtime", "Asia/Tokyo", ":Asia/Tokyo", "JST-9", "No/Such", ""]],
]


@pytest.fixture
def folder():
    """Not in the folder of pytest: other users must reach it."""
    with tempfile.TemporaryDirectory(prefix="situation-") as made:
        os.chmod(made, 0o755)
        yield pathlib.Path(made)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_situation(row, folder, serve_in):
    if row.root and os.geteuid() != 0:
        pytest.skip("only root can mount, and give files away")
    for name in ["log", "state", "bin"]:
        (folder / name).mkdir()
    (folder / "agent.toml").touch()
    (folder / "bin/log2aws-agent").symlink_to(AGENT)
    server = None
    if row.peer:
        made = certificate(row.tls, folder) if row.tls else None
        api, server = answering(*row.peer, certificate=made)
    else:
        api = serve_in("data", "--allow-hosts", "127.0.0.1,::1").url
    environment = {
        "PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SERVE": binary(), "LOG2AWS_API": api,
        "LOG2AWS_SERVER": "web01", "LOG2AWS_LOG_DIR": f"{folder}/log",
        "LOG2AWS_STATE_DIR": f"{folder}/state", "LOG2AWS_CONFIG": f"{folder}/agent.toml",
    }
    said = late = "not finished in the time that was left"
    while late in said:
        done = subprocess.run(["bash", "-c", row.run], cwd=folder, capture_output=True, text=True,
                              timeout=60, env=environment)
        said = " ".join((done.stdout + done.stderr).split())
    if server:
        server.shutdown()
    assert done.returncode == row.code, said
    for words in row.says:
        assert words in said, said
    for words in row.never:
        assert words not in said, said
