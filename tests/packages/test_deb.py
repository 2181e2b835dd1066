"""The deb on a Debian machine: install, upgrade, remove, purge."""

import pytest
from conftest import CONFIG, LOGS, STATE, UNIT, built

NEWER = "99.0.0"


@pytest.fixture
def installed(machine):
    machine.install(built(".deb"))
    return machine


def owner(machine, path):
    """Owner, group and mode, as the machine itself names them."""
    return machine.run("stat", "--format", "%U:%G %a", f"/{path}").stdout.strip()


def keep(machine):
    """Leaves a log, a state and a changed config; what has to be there afterwards."""
    (machine / f"{LOGS}/2026-11-01.log").write_text("a line\n")
    (machine / f"{STATE}/last-sample.json").write_text("{}")
    with open(machine / CONFIG, "a") as config:
        config.write('server = "kept"\n')
    return {path: (machine / path).read_bytes()
            for path in [f"{LOGS}/2026-11-01.log", f"{STATE}/last-sample.json", CONFIG]}


def test_an_install_makes_user_folders_and_service(installed):
    user = installed.run("getent", "passwd", "log2aws").stdout
    assert user.strip().endswith(":/var/lib/log2aws-agent:/usr/sbin/nologin"), user
    assert owner(installed, LOGS) == "log2aws:log2aws 755"
    assert owner(installed, STATE) == "log2aws:log2aws 750"
    assert owner(installed, CONFIG) == "root:root 644"
    # A proxy's password may be in it, and the verbs by hand read it as the service's user.
    assert owner(installed, "etc/log2aws/agent.env") == "root:log2aws 640"
    assert owner(installed, "usr/bin/log2aws-agent") == "root:root 755"
    assert installed.enabled()
    said = installed.dpkg("--status", "log2aws-agent").stdout
    assert "Status: install ok installed" in said and "Architecture: amd64" in said
    assert f"{CONFIG} " in said, "the config is no conffile"
    # What it shipped is what dpkg has in mind of it.
    assert installed.dpkg("--verify", "log2aws-agent").stdout == ""


def test_it_installs_where_the_user_is_there_already(machine):
    machine.run("useradd", "--system", "log2aws")
    machine.install(built(".deb"))
    assert owner(machine, LOGS) == "log2aws:log2aws 755"


def by_root(machine, path, mode=0o644):
    """A file that a run of the agent as root has left."""
    file = machine / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}\n")
    file.chmod(mode)


def leave_by_root(machine):
    by_root(machine, f"{LOGS}/2026-11-01.log")
    for name in ["ship.lock", "last-ship.json", ".last-ship.json.new", "reserve",
                 "deliveries/web01/2026-11-01.json"]:
        by_root(machine, f"{STATE}/{name}", 0o600)


def test_folders_of_an_agent_that_ran_as_root_are_taken_over(machine):
    leave_by_root(machine)
    said = machine.install(built(".deb"))
    for folder in [LOGS, STATE]:
        assert f"/{folder} belonged to root, from a run as root" in said.stderr, said.stderr
        files = machine.run("find", f"/{folder}", "!", "-user", "log2aws").stdout
        assert files == "", files
    machine.agent("sample")
    assert owner(machine, f"{STATE}/ship.lock") == "log2aws:log2aws 600"


# In a folder of root: a name that the agent gives, and what was not made by a run of the agent.
OURS = {LOGS: "2026-11-02.log", STATE: "other.json"}
OTHERS = {
    "a file of another name": lambda machine, folder: by_root(machine, f"{folder}/notes.txt"),
    "a symbolic link": lambda machine, folder: machine.run(
        "ln", "-s", "/etc/shadow", f"/{folder}/{OURS[folder]}"),
    "a second name of a file": lambda machine, folder: machine.run(
        "ln", "/etc/shadow", f"/{folder}/{OURS[folder]}"),
    "a file of another user": lambda machine, folder: machine.run(
        "install", "-o", "daemon", "/dev/null", f"/{folder}/{OURS[folder]}"),
    "a folder that others may write": lambda machine, folder: machine.run("chmod", "777", f"/{folder}"),
}


def test_a_folder_of_root_with_anything_else_stays_as_it_is(installed):
    for name, other in OTHERS.items():
        for folder in [LOGS, STATE]:
            installed.run("rm", "-rf", f"/{LOGS}", f"/{STATE}")
            leave_by_root(installed)
            other(installed, folder)
            files = ["find", f"/{folder}", "/etc/shadow", "-printf", "%p %U:%G %m\n"]
            before = installed.run(*files).stdout
            # As after an install, and before each start.
            said = installed.run("sh", "/usr/lib/log2aws-agent/folders").stderr
            assert f"/{folder} belongs to root and holds files that are not the agent's" in said, name
            assert f"chown -R log2aws:log2aws /{folder}" in said, name
            assert installed.run(*files).stdout == before, name
            (taken,) = {LOGS, STATE} - {folder}
            assert owner(installed, taken).startswith("log2aws:log2aws "), name


def test_an_upgrade_keeps_what_is_not_its_own_and_restarts(installed, pack):
    kept = keep(installed)
    installed.run("chmod", "700", f"/{LOGS}")
    installed.fake_systemd()
    installed.install(pack("deb", NEWER))
    assert f"Version: {NEWER}" in installed.dpkg("--status", "log2aws-agent").stdout
    assert {path: (installed / path).read_bytes() for path in kept} == kept
    assert owner(installed, LOGS) == "log2aws:log2aws 700", "an upgrade changed a folder's mode"
    asked = installed.asked()
    assert "daemon-reload" in asked
    assert f"restart {UNIT}" in asked and f"stop {UNIT}" not in asked, asked


def test_an_upgrade_leaves_a_disabled_service_disabled(installed, pack):
    installed.run("systemctl", "disable", UNIT)
    assert not installed.enabled()
    installed.install(pack("deb", NEWER))
    assert not installed.enabled()


def test_a_remove_stops_the_service_and_keeps_logs_state_and_config(installed):
    kept = keep(installed)
    installed.fake_systemd()
    installed.dpkg("--remove", "log2aws-agent")
    assert f"stop {UNIT}" in installed.asked()
    assert {path: (installed / path).read_bytes() for path in kept} == kept
    for gone in ["usr/bin/log2aws-agent", f"usr/lib/systemd/system/{UNIT}"]:
        assert not (installed / gone).exists(), gone
    # Back again: it goes on where it stopped.
    installed.install(built(".deb"))
    assert installed.enabled()
    assert {f"start {UNIT}", f"restart {UNIT}"} & set(installed.asked())
    assert {path: (installed / path).read_bytes() for path in kept} == kept


def test_a_purge_takes_config_and_state_and_says_that_logs_stay(installed):
    log = installed / f"{LOGS}/2026-11-01.log"
    kept = keep(installed)
    own = installed / "etc/log2aws/ours.pem"
    own.write_text("not the package's")
    said = installed.dpkg("--purge", "log2aws-agent")
    assert "the day logs in /var/log/log2aws are kept" in said.stdout + said.stderr
    assert log.read_bytes() == kept[f"{LOGS}/2026-11-01.log"]
    assert own.exists()
    for gone in [CONFIG, "etc/log2aws/agent.env", STATE]:
        assert not (installed / gone).exists(), gone
    assert not installed.enabled()
    left = installed.run("find", "/etc/systemd", "/var/lib/systemd", "-name", "*log2aws*").stdout
    assert left == ""


def test_a_purge_without_logs_leaves_nothing_but_the_user(installed):
    said = installed.dpkg("--purge", "log2aws-agent")
    assert "are kept" not in said.stdout + said.stderr
    for gone in ["etc/log2aws", STATE, LOGS]:
        assert not (installed / gone).exists(), gone
    assert "log2aws" in installed.run("getent", "passwd", "log2aws").stdout


def test_an_install_starts_the_service_where_systemd_runs(machine):
    machine.fake_systemd()
    machine.install(built(".deb"))
    asked = machine.asked()
    assert "daemon-reload" in asked
    assert f"start {UNIT}" in asked, asked


def test_where_policy_forbids_it_nothing_is_started(machine):
    machine.fake_systemd()
    policy = machine / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    machine.install(built(".deb"))
    asked = machine.asked()
    assert "daemon-reload" in asked and f"start {UNIT}" not in asked, asked
    assert machine.enabled()
