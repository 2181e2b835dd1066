"""The rpm: install, upgrade, erase. It is put into a Debian root, so its dependencies are not
looked at here but read."""

import pytest
from conftest import CONFIG, LOGS, STATE, UNIT, built, run
from test_deb import keep, owner


@pytest.fixture
def installed(machine):
    # The way of a machine without Debian's helpers.
    for helper in ["deb-systemd-helper", "deb-systemd-invoke"]:
        (machine / "usr/bin" / helper).unlink()
    machine.install(built(".rpm"))
    return machine


def test_it_says_what_it_needs_and_who_made_it():
    asked = "%{NAME} %{ARCH} %{LICENSE} %{BUILDHOST}"
    rpm = str(built(".rpm"))
    said = run("rpm", "--query", "--package", "--queryformat", asked, rpm).stdout
    assert said == "log2aws-agent x86_64 MIT OR Apache-2.0 localhost"
    requires = run("rpm", "--query", "--package", "--requires", rpm).stdout.splitlines()
    assert "glibc >= 2.17" in requires
    configs = run("rpm", "--query", "--package", "--configfiles", rpm).stdout.split()
    assert configs == ["/etc/log2aws/agent.env", "/etc/log2aws/agent.toml"]


def test_an_install_makes_user_folders_and_service(installed):
    assert owner(installed, LOGS) == "log2aws:log2aws 755"
    assert owner(installed, STATE) == "log2aws:log2aws 750"
    assert owner(installed, "etc/log2aws/agent.env") == "root:log2aws 640"
    assert installed.enabled()
    assert (installed / "usr/share/zsh/site-functions/_log2aws-agent").is_file()


def test_an_upgrade_keeps_what_is_not_its_own_and_restarts(installed, pack):
    kept = keep(installed)
    installed.fake_systemd()
    installed.install(pack("rpm", "99.0.0"))
    said = installed.run("rpm", "--query", "log2aws-agent").stdout
    assert said.startswith("log2aws-agent-99.0.0")
    assert {path: (installed / path).read_bytes() for path in kept} == kept
    asked = installed.asked()
    assert f"try-restart {UNIT}" in asked and f"stop {UNIT}" not in asked, asked
    # What goes after what came must not take the service with it.
    assert installed.enabled()


def test_an_erase_stops_the_service_and_keeps_logs_state_and_config(installed):
    kept = keep(installed)
    installed.fake_systemd()
    installed.run("rpm", "--erase", "log2aws-agent")
    assert f"stop {UNIT}" in installed.asked()
    assert not installed.enabled()
    assert not (installed / "usr/bin/log2aws-agent").exists()
    # rpm puts a changed config aside by this name.
    changed = kept.pop(CONFIG)
    assert (installed / f"{CONFIG}.rpmsave").read_bytes() == changed
    assert {path: (installed / path).read_bytes() for path in kept} == kept
