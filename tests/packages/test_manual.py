"""The manual's commands for an install, with the built packages."""

import re
import shutil

import pytest
from conftest import AGENT, DIST, ROOT, built

# No root has sudo(8), and these run as root.
SUDO = "sudo() { \"$@\"; }\n"
PAGES = ["docs/agent.md", "docs/agent.ja.md"]


def block(page, word):
    (one,) = [text for text in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.S) if word in text]
    return one


@pytest.fixture
def download(machine):
    """The machine, with what a build or a release has of the agent."""
    ours = shutil.ignore_patterns("log2aws-[0-9]*")
    shutil.copytree(DIST, machine / "download", ignore=ours)
    return machine


def run_in(machine, commands):
    return machine.run("bash", "-euc", f"cd /download; {SUDO}{commands}").stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_packages_are_installed(download, page):
    sums, deb, rpm = block(page, "apt install ./log2aws-agent_").splitlines()
    # People copy one package and the sums.
    for other in [built(".rpm").name, built(".tar.gz").name]:
        (download / "download" / other).rename(download / other)
    assert run_in(download, sums).count(": OK") == 2
    run_in(download, deb.replace("apt install", "apt-get install -y"))
    assert download.run(AGENT, "--version").stdout.startswith(AGENT)
    # There is no dnf here; rpm(8) takes the file of that name.
    assert re.match(r"sudo dnf install \./log2aws-agent-\*\.x86_64\.rpm ", rpm)
    (found,) = DIST.glob("log2aws-agent-*.x86_64.rpm")
    assert found == built(".rpm")


@pytest.mark.parametrize("page", PAGES)
def test_the_program_alone_is_installed(download, page):
    said = run_in(download, block(page, "tar -xzf"))
    assert said.startswith(AGENT) and (download / f"usr/local/bin/{AGENT}").is_file(), said
