"""The installed agent does its work: as its own user, by its own config, to a real endpoint."""

import json
import re
import signal
import subprocess
import time

import pytest
from conftest import AGENT, CONFIG, LOGS, UNIT, built, run


@pytest.fixture
def installed(machine):
    machine.install(built(".deb"))
    return machine


@pytest.fixture
def set_up(installed, serve):
    """Set up as the config file says it."""
    config = installed / CONFIG
    text = config.read_text()
    api, server = '#api = "https://logs.example.com"', '#server = "web01"'
    assert api in text and server in text
    config.write_text(text.replace(api, f'api = "{serve.url}"').replace(server, server[1:]))
    return installed


def test_a_sample_reaches_the_store(set_up, serve):
    set_up.agent("config", "check")
    set_up.agent("sample")
    (log,) = (set_up / LOGS).glob("*.log")
    first = log.read_text().splitlines()[0]
    assert first.startswith("# log2aws/1 server=web01 "), first
    said = set_up.agent("ship", "--partial", "--json")
    (day,) = json.loads(said.stdout)["days"]
    assert (day["day"], day["outcome"]) == (log.stem, "delivered"), said.stdout
    assert serve.log("web01", log.stem) == log.read_bytes()


def test_as_shipped_the_config_is_right_and_nothing_is_delivered(installed):
    said = installed.agent("config", "check").stdout
    assert said.startswith("# /etc/log2aws/agent.toml: nothing is wrong with it"), said
    assert "keep-days = 90  # /etc/log2aws/agent.toml" in said
    assert "# api is not set" in said


def test_the_service_samples_and_ends_within_a_second(set_up):
    where = ["chroot", "--userspec=log2aws:log2aws", str(set_up.top), f"/usr/bin/{AGENT}"]
    running = subprocess.Popen([*where, "run", "--interval", "10s"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 40
        while not list((set_up / LOGS).glob("*.log")):
            assert running.poll() is None, running.communicate()[0]
            assert time.monotonic() < deadline, "no sample came"
            time.sleep(0.1)
        start = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0
        assert time.monotonic() - start < 1.5
    finally:
        running.kill()
        running.communicate()


def test_a_config_that_the_service_may_not_read_costs_no_line(set_up):
    config = set_up / CONFIG
    config.chmod(0o600)
    where = ["chroot", "--userspec=log2aws:log2aws", str(set_up.top), f"/usr/bin/{AGENT}"]
    said = set_up / "said"
    with open(said, "w") as output:
        running = subprocess.Popen([*where, "run", "--interval", "10s"], stderr=output)
    try:
        wait_for(running, lambda: list((set_up / LOGS).glob("*.log")))
        why = "nothing is delivered until the config is right: the config file /etc/log2aws/agent.toml"
        wait_for(running, lambda: f"{why} cannot be read: Permission denied" in said.read_text())
        config.chmod(0o644)
        wait_for(running, lambda: "the config was read anew" in said.read_text())
    finally:
        running.kill()
        running.communicate()


def wait_for(running, is_so):
    deadline = time.monotonic() + 40
    while not is_so():
        assert running.poll() is None, running.returncode
        assert time.monotonic() < deadline
        time.sleep(0.1)


def refused(machine):
    """The system calls that the unit's filter refuses."""
    unit = (machine / f"usr/lib/systemd/system/{UNIT}").read_text()
    (names,) = re.findall(r"^SystemCallFilter=(.+)$", unit, re.M)
    # An older systemd takes unknown entries away: of a list of what is allowed, all that it needs.
    assert names.startswith("~"), names
    return set().union(*(members(name) for name in names[1:].split()))


def members(name):
    if not name.startswith("@"):
        return {name}
    lines = run("systemd-analyze", "syscall-filter", name).stdout.splitlines()[1:]
    inside = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return set().union(*(members(line) for line in inside))


def traced(machine, *words):
    """The system calls that a command makes."""
    machine.run("strace", "-f", "-qq", "-u", "log2aws", "-o", "/traced", f"/usr/bin/{AGENT}", *words)
    trace = (machine / "traced").read_text()
    return set(re.findall(r"^\d+ +(\w+)\(", trace, re.M))


def test_the_units_filter_lets_every_system_call_through(set_up):
    denied = refused(set_up)
    assert {"mount", "reboot", "ptrace", "bpf", "init_module", "setuid"} <= denied
    made = traced(set_up, "sample") | traced(set_up, "ship", "--partial")
    # Without these nothing was traced at all.
    assert {"openat", "connect", "fsync"} <= made, made
    assert not made & denied, made & denied


def test_the_unit_is_right_and_hardened(installed):
    verified = installed.run("systemd-analyze", "verify", f"/usr/lib/systemd/system/{UNIT}")
    assert UNIT not in verified.stdout + verified.stderr, verified.stderr
    judged = installed.run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout).group(1))
    assert exposure <= 2.0, judged.stdout
