"""The image of `serve`: what it holds, how it starts, and that serve runs in it as nobody's user."""

import datetime
import json
import os
import pathlib
import signal
import subprocess
import tarfile

import pytest
from conftest import built, run

USER = 65532


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The unpacked image, in the format of `docker save`."""
    folder = tmp_path_factory.mktemp("image")
    with tarfile.open(built("-image-x86_64.tar.gz", "log2aws")) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def manifest(image):
    (manifest,) = json.loads((image / "manifest.json").read_text())
    return manifest


@pytest.fixture(scope="module")
def config(image, manifest):
    return json.loads((image / manifest["Config"]).read_text())


def layers(image, manifest):
    for layer in manifest["Layers"]:
        with tarfile.open(image / layer) as archive:
            yield archive


def test_it_says_what_runs_and_as_whom(config, manifest):
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    start = config["config"]
    assert start["User"] == f"{USER}:{USER}"
    assert (start["Entrypoint"], start["Cmd"]) == (["/usr/bin/log2aws"], ["serve"])
    assert list(start["ExposedPorts"]) == ["8750/tcp"]
    assert list(start["Volumes"]) == ["/var/lib/log2aws"]
    assert "LOG2AWS_LISTEN=0.0.0.0:8750" in start["Env"]
    (name,) = manifest["RepoTags"]
    # Whoever distributes it gives it the name of a registry.
    assert name == f"localhost/log2aws:{start['Labels']['org.opencontainers.image.version']}"
    # Of the build nothing is left that would be another one the next time.
    assert not {"container", "container_config"} & set(config) and "Hostname" not in start


def test_nothing_is_in_it_but_log2aws(image, manifest):
    entries = [entry for archive in layers(image, manifest) for entry in archive.getmembers()]
    files = {entry.name for entry in entries if not entry.isdir()}
    doc = "usr/share/doc/log2aws"
    assert files == {"usr/bin/log2aws", f"{doc}/LICENSE", f"{doc}/sbom.cdx.json",
                     f"{doc}/third-party.txt.gz"}
    owned = {(entry.uid, entry.gid) for entry in entries if entry.name.startswith("var/lib/log2aws")}
    assert owned == {(USER, USER)}
    for entry in entries:
        assert not entry.mode & 0o6022, f"{entry.name}: {oct(entry.mode)}"


def test_its_times_are_those_of_the_commit(config, image, manifest):
    with tarfile.open(built("-linux-x86_64.tar.gz")) as agents:
        epoch = agents.getmembers()[0].mtime
    made = datetime.datetime.fromisoformat(config["created"].replace("Z", "+00:00"))
    assert made.timestamp() == epoch
    for archive in layers(image, manifest):
        assert {entry.mtime for entry in archive.getmembers()} == {epoch}


@pytest.fixture
def root(namespace, image, manifest, tmp_path):
    """The image's files as a root, made as a container is; what is tested need not be static."""
    root = tmp_path / "root"
    root.mkdir()
    for archive in layers(image, manifest):
        archive.extractall(root, numeric_owner=True, filter="fully_trusted")
    program = root / "usr/bin/log2aws"
    if "INTERP" in run("readelf", "--program-headers", "--wide", str(program)).stdout:
        for folder in ["/lib", "/lib64", "/usr/lib"]:
            if pathlib.Path(folder).is_dir():
                (root / folder[1:]).mkdir(parents=True, exist_ok=True)
                run("mount", "--bind", folder, f"{root}{folder}")
    yield root
    run("umount", "--recursive", "--lazy", f"{root}/lib", check=False)
    for folder in ["/lib64", "/usr/lib"]:
        run("umount", "--lazy", f"{root}{folder}", check=False)


def inside(root, config, *words):
    environment = dict(pair.split("=", 1) for pair in config["config"]["Env"])
    command = ["chroot", f"--userspec={config['config']['User']}", str(root),
               *config["config"]["Entrypoint"], *words]
    return command, environment


def test_serve_runs_in_it(root, config):
    command, environment = inside(root, config, "--version")
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert said.stdout.split()[1] == config["config"]["Labels"]["org.opencontainers.image.version"]
    # The tests' port; as which user and where it writes is the image's.
    command, environment = inside(root, config, *config["config"]["Cmd"])
    environment["LOG2AWS_LISTEN"] = "127.0.0.1:0"
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        line = running.stdout.readline()
        assert "http://127.0.0.1:" in line, running.stderr.read()
        data = root / "var/lib/log2aws"
        assert {path.stat().st_uid for path in data.iterdir()} == {USER}
        status = pathlib.Path(f"/proc/{running.pid}/status").read_text()
        assert f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status
        assert os.readlink(f"/proc/{running.pid}/root") == str(root)
    finally:
        running.send_signal(signal.SIGTERM)
        ended = running.wait(timeout=60)
        said = running.stderr.read()
    assert ended == 0, said
