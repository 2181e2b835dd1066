"""The deb on the oldest and the newest Debian: their C libraries run the program, dpkg installs it."""

import json
import re

import debian
import pytest
from conftest import CONFIG, LOGS, built, new_machine

GLIBC = {"bullseye": "2.31", "trixie": "2.41"}


@pytest.fixture
def machine(namespace, tmp_path, release):
    with new_machine(tmp_path, debian.unpacked(release, tmp_path / "lower")) as made:
        yield made


@pytest.mark.parametrize("release", debian.RELEASES)
def test_it_installs_samples_and_delivers(machine, serve, release):
    # It is that C library, and not this system's.
    assert re.search(rf" {GLIBC[release]}$", machine.run("ldd", "--version").stdout.splitlines()[0])
    machine.install(built(".deb"))
    assert machine.dpkg("--verify", "log2aws-agent").stdout == ""
    with open(machine / CONFIG, "a") as config:
        config.write(f'api = "{serve.url}"\nserver = "web01"\n')
    machine.agent("sample")
    (log,) = (machine / LOGS).glob("*.log")
    said = machine.agent("ship", "--partial", "--json").stdout
    assert [day["outcome"] for day in json.loads(said)["days"]] == ["delivered"], said
    assert serve.log("web01", log.stem) == log.read_bytes()
    found = json.loads(machine.agent("doctor", "--json", check=False).stdout)["findings"]
    not_ok = {finding["check"]: finding["message"] for finding in found if finding["verdict"] != "ok"}
    assert not_ok == {}, found
    machine.dpkg("--purge", "log2aws-agent")
    assert log.is_file()
