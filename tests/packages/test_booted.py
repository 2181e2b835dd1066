"""The service under a real systemd: the shipped unit of the installed deb, with its sandbox.

Under this system's systemd and under those of other Debian releases, in their own roots. For older
ones that cannot be had, as they would read the unit: the keys, values, system call groups and
prefixes that one does not know are replaced by some that no systemd knows, so that they are passed
over in the same way.
"""

import concurrent.futures
import contextlib
import os
import re
import shutil

import debian
import pytest
from booted import booted
from conftest import CONFIG, LOGS, ROOT, STATE, UNIT, built, new_machine

# The systemd that a key came with, by systemd's own manual pages and its NEWS; 0 if it is older than
# 215. A key that is not in this table fails the test.
KEYS = {
    "Description": 0, "Documentation": 0, "After": 0, "RequiresMountsFor": 0, "WantedBy": 0,
    "Type": 0, "NotifyAccess": 0, "PermissionsStartOnly": 0, "ExecStartPre": 0, "ExecStart": 0,
    "ExecReload": 0, "User": 0, "Group": 0, "Restart": 0, "RestartSec": 0,
    "WatchdogSec": 0, "TimeoutStopSec": 0, "LimitCORE": 0, "UMask": 0, "ProtectHome": 0,
    "ProtectSystem": 0, "PrivateTmp": 0, "PrivateDevices": 0, "NoNewPrivileges": 0,
    "CapabilityBoundingSet": 0, "RestrictAddressFamilies": 0, "SystemCallArchitectures": 0,
    "SystemCallFilter": 0, "SystemCallErrorNumber": 0, "Wants": 0, "LimitNOFILE": 0,
    "DynamicUser": 232, "StateDirectory": 235, "StateDirectoryMode": 235,
    "TasksMax": 227, "AmbientCapabilities": 229, "MemoryMax": 231, "MemoryDenyWriteExecute": 231,
    "ReadWritePaths": 231, "RestrictRealtime": 231, "ProtectControlGroups": 232,
    "ProtectKernelModules": 232, "ProtectKernelTunables": 232, "RemoveIPC": 232,
    "RestrictNamespaces": 233, "KeyringMode": 235, "LockPersonality": 235, "RestrictSUIDSGID": 242,
    "OOMPolicy": 243, "ProtectKernelLogs": 244, "ProtectClock": 245, "ProtectProc": 247,
}
# The same for groups of system calls; the others came with 231.
GROUPS = {"@reboot": 233, "@swap": 233, "@system-service": 239}
# RHEL 7 and Debian 8; Ubuntu 16.04; Debian 9; Ubuntu 18.04; this system; and those of other roots.
SYSTEMDS = [219, 229, 232, 237, None, *debian.RELEASES]
# The only differences from the shipped unit: a restart that the test need not wait for.
QUICK = "[Service]\nRestartSec=1\n"


def as_read_by(version, unit):
    """The unit with what this systemd does not know replaced by what none knows."""
    lines = []
    for line in unit.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            if KEYS[key] > version:
                line = f"Unknown{line}"
            elif key == "ExecStartPre" and "+" in value and version < 231:
                line = f"{key}={value.replace('+', '?')}"
            elif key == "ProtectSystem" and value == "strict" and version < 232:
                line = f"{key}=unknown"
            elif key == "SystemCallFilter":
                names = re.findall(r"@[\w-]+", value)
                for name in [name for name in names if GROUPS.get(name, 231) > version]:
                    line = line.replace(name, f"@unknown-{name[1:]}")
        lines.append(line)
    return "\n".join(lines) + "\n"


class Service:
    """The service on a booted machine."""

    def __init__(self, system):
        self.system = system
        self.machine = system.machine

    def lines(self):
        logs = sorted((self.machine / LOGS).glob("*.log"))
        text = "".join(log.read_text() for log in logs)
        return [line for line in text.splitlines() if not line.startswith("#")]

    def new_lines(self, before, within):
        """Waits for a line more than before."""
        is_so = lambda: len(self.lines()) > before
        self.system.wait_until("a sample line", is_so, within)

    def status(self):
        return self.system.show(UNIT, "StatusText")

    def pid(self):
        return self.system.show(UNIT, "MainPID")

    def agent(self, *words):
        """The agent by hand, as the manual says it: another environment than the service's."""
        return self.system.run("runuser", "-u", "log2aws", "--", "log2aws-agent", *words, check=False)


def config(machine, *lines):
    (machine / CONFIG).write_text("\n".join(['interval = "10s"', 'server = "web01"', *lines]) + "\n")


@contextlib.contextmanager
def running(folder, version, lower):
    """A machine whose service runs."""
    with new_machine(folder, lower) as machine:
        # The agent was run as root before the install.
        (machine / STATE).mkdir(parents=True)
        (machine / f"{STATE}/ship.lock").touch()
        machine.install(built(".deb"))
        config(machine)
        if version:
            path = machine / f"usr/lib/systemd/system/{UNIT}"
            path.write_text(as_read_by(version, path.read_text()))
        drop_in = machine / f"etc/systemd/system/{UNIT}.d/quick.conf"
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text(QUICK)
        with booted(machine) as system:
            system.run("systemctl", "start", UNIT)
            yield Service(system)


def live(folder, version):
    """The life of a service, to its end."""
    folder.mkdir()
    lower = "/"
    if version in debian.RELEASES:
        lower, version = debian.unpacked(version, folder / "lower"), None
    with running(folder, version, lower) as service:
        is_sandboxed_as_expected(service, version)
        tells_its_last_sample(service)
        heals_where_its_folders_are_gone(service)
        goes_on_after_a_restart_with_a_wrong_key(service)
        stops(service)


def is_sandboxed_as_expected(service, version):
    system = service.system
    # A small root has no man(1), with which it would look for the pages.
    verified = system.run("systemd-analyze", "verify", "--man=no", UNIT, check=False).stderr
    ignored = [line for line in verified.splitlines() if UNIT in line]
    assert all("ignoring" in line for line in ignored), verified
    assert bool(ignored) == bool(version), verified
    # The emulation is one: these are ignored, and the service runs all the same.
    is_older = lambda than: bool(version and version < than)
    assert ("Unknown system call group, ignoring" in verified) == is_older(233), verified
    assert ("ignoring: ?/bin/sh" in verified) == is_older(231), verified
    service.new_lines(0, 30)
    status = system.output("cat", f"/proc/{service.pid()}/status")
    assert re.search(r"^Seccomp:\s+2$", status, re.M), "architectures and address families"
    assert re.search(r"^CapBnd:\s+0+$", status, re.M), status
    inside = system.output("nsenter", f"--target={service.pid()}", "--mount", "findmnt", "-rno",
                           "OPTIONS", "/var/lib/log2aws-agent")
    assert bool(inside) != is_older(232), "a mount of its own in the sandbox"


def tells_its_last_sample(service):
    """A second after the line."""
    last = lambda: service.lines()[-1][:19]
    is_told = lambda: f"last sample {last()}; no API to ship to" == service.status()
    service.system.wait_until("a status line", is_told, 1.5)
    assert "service:        at work\n" in service.agent("status").stdout
    told = service.agent("doctor").stdout
    assert re.search(r"^ok    service       process \d+, its days are those of ", told, re.M), told


def heals_where_its_folders_are_gone(service):
    system = service.system
    moved = ["/var/log/moved", "/var/lib/moved"]
    # Removed, and moved away; then moved away with another in its place, as people do who want to
    # start afresh.
    for again in (False, True):
        if again:
            system.run("mv", f"/{LOGS}", moved[0])
            system.run("install", "-d", "-o", "log2aws", "-g", "log2aws", f"/{LOGS}")
        else:
            system.run("rm", "-rf", f"/{LOGS}")
            system.run("mv", f"/{STATE}", moved[1])
        service.new_lines(0, 45)
        assert system.output("stat", "-c", "%U:%G %a", f"/{LOGS}") == "log2aws:log2aws 755"
        assert system.output("stat", "-c", "%U:%G %a", f"/{STATE}") == "log2aws:log2aws 750"
    assert "ends, so that systemd starts it again: no sample: " in system.journal(UNIT)


def goes_on_after_a_restart_with_a_wrong_key(service):
    system = service.system
    system.run("chmod", "0750", f"/{LOGS}")
    config(service.machine, 'apy = "http://127.0.0.1:9"')
    before = len(service.lines())
    system.run("systemctl", "restart", UNIT)
    service.new_lines(before, 30)
    assert system.output("stat", "-c", "%U:%G %a", f"/{LOGS}") == "log2aws:log2aws 750"
    why = 'nothing is delivered until the config is right: /etc/log2aws/agent.toml: unknown key "apy"'
    assert service.status().startswith(why), service.status()
    assert why in system.journal(UNIT)
    config(service.machine, 'api = "http://127.0.0.1:9"')
    is_planned = lambda: "; next delivery 2" in service.status()
    system.wait_until("a delivery that is planned", is_planned, 15)


def stops(service):
    system = service.system
    started = system.output("date", "+%s.%N")
    system.run("systemctl", "stop", UNIT)
    took = float(system.output("date", "+%s.%N")) - float(started)
    assert took < 1, took
    assert system.show(UNIT, "Result") == "success"


@pytest.fixture(scope="session")
def lives(namespace, tmp_path_factory):
    """All of them at once: they mostly wait."""
    top = tmp_path_factory.mktemp("booted")
    with concurrent.futures.ThreadPoolExecutor(len(SYSTEMDS)) as pool:
        yield {version: pool.submit(live, top / str(version), version) for version in SYSTEMDS}


@pytest.mark.parametrize("version", SYSTEMDS)
def test_the_service_lives_under_systemd(lives, version):
    lives[version].result()


def test_the_manuals_unit_of_serve_starts(machine):
    (unit,) = re.findall(r"```ini\n# (/etc/systemd/system/log2aws-serve.service\n.*?)```",
                         (ROOT / "docs/serve.md").read_text(), re.S)
    path, text = unit.split("\n", 1)
    # The manual's oldest systemd knows all of it; an older one would run it as root.
    assert as_read_by(235, text) == text and as_read_by(234, text) != text
    (machine / path.lstrip("/")).write_text(text)
    shutil.copy(os.environ.get("LOG2AWS_BINARY", ROOT / "target/debug/log2aws"),
                machine / "usr/bin/log2aws")
    name = "log2aws-serve.service"
    with booted(machine) as system:
        verified = system.run("systemd-analyze", "verify", name, check=False).stderr
        assert name not in verified, verified
        system.run("systemctl", "start", name)
        ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8750/ui/login"]
        system.wait_until("the login page", lambda: system.output(*ask) == "200", 30)
        system.run("systemctl", "stop", name)
        assert system.show(name, "Result") == "success"
