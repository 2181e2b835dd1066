"""Installs the built packages into roots to throw away: this machine's own, with a tmpfs above it.

Nothing reaches this machine: every mount is made in a namespace that ends with the tests. Wants
root, as dpkg does.
"""

import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = pathlib.Path(os.environ.get("LOG2AWS_DIST", ROOT / "target" / "packages"))
CLONE_NEWNS = 0x00020000
AGENT = "log2aws-agent"
UNIT = f"{AGENT}.service"
CONFIG = "etc/log2aws/agent.toml"
LOGS = "var/log/log2aws"
STATE = "var/lib/log2aws-agent"
# A systemctl that only notes what it is asked: no systemd runs in these roots.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>/systemctl.log
case "$*" in
    *is-active*) exit 3 ;;
    *enable* | *disable* | *preset*) exec /usr/bin/systemctl.real --root=/ "$@" ;;
esac
"""


def run(*command, check=True, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    if check:
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def built(ending, program=AGENT):
    """The file with this ending of what is made for a program."""
    (found,) = DIST.glob(f"{program}[-_][0-9]*{ending}")
    return found


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The archive, unpacked."""
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(built(".tar.gz")) as archive:
        archive.extractall(folder)
    (inside,) = folder.iterdir()
    return inside


@pytest.fixture(scope="session")
def pack(archive, tmp_path_factory):
    """Makes a package of a version, of what the archive holds."""

    def pack(packager, version):
        target = tmp_path_factory.mktemp("packed")
        epoch = int((archive / AGENT).stat().st_mtime)
        nfpm = pathlib.Path(os.sys.executable).with_name("nfpm")
        run(str(nfpm), "package", "--config", "nfpm.yaml", "--packager", packager,
            "--target", str(target), cwd=archive,
            env={**os.environ, "VERSION": version, "SOURCE_DATE_EPOCH": str(epoch)})
        (made,) = target.iterdir()
        return made

    return pack


class Machine:
    """A root in which packages can be installed."""

    def __init__(self, top):
        self.top = top

    def __truediv__(self, path):
        return self.top / path

    def run(self, *command, check=True, user=None, **more):
        who = [f"--userspec={user}:{user}"] if user else []
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                       "DEBIAN_FRONTEND": "noninteractive", "HOME": "/", "LC_ALL": "C.UTF-8"}
        environment.update(more.pop("env", {}))
        return run("chroot", *who, str(self.top), *command, check=check, env=environment, **more)

    def agent(self, *words, check=True, **more):
        return self.run(f"/usr/bin/{AGENT}", *words, check=check, user="log2aws", **more)

    def dpkg(self, *words, check=True):
        return self.run("dpkg", *words, check=check)

    def install(self, package):
        shutil.copy(package, self / "package")
        if package.suffix == ".rpm":
            # The dependencies of this root are dpkg's.
            return self.run("rpm", "--upgrade", "--nodeps", "/package")
        return self.dpkg("--install", "/package")

    def fake_systemd(self):
        """From here on it looks as if systemd ran; what it is asked is in systemctl.log."""
        (self / "run/systemd/system").mkdir(parents=True)
        # This machine may forbid its packages to start anything.
        (self / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        fake = self / "usr/bin/systemctl"
        fake.rename(self / "usr/bin/systemctl.real")
        fake.write_text(SYSTEMCTL)
        fake.chmod(0o755)

    def asked(self):
        """What systemd was asked since the last time, without the flags."""
        log = self / "systemctl.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [" ".join(word for word in line.split() if not word.startswith("-")) for line in lines]

    def enabled(self):
        return (self / f"etc/systemd/system/multi-user.target.wants/{UNIT}").is_symlink()


@pytest.fixture(scope="session")
def namespace():
    """A mount namespace of the tests' own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        pytest.skip(f"required: no mount namespace: {os.strerror(ctypes.get_errno())}; run as root")
    run("mount", "--make-rprivate", "/")


@contextlib.contextmanager
def new_machine(folder, lower="/"):
    """A machine in a folder, over this system or another root, for as long as the context lasts."""
    memory, top = folder / "memory", folder / "root"
    memory.mkdir(), top.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", str(memory))
    (memory / "upper").mkdir(), (memory / "work").mkdir()
    run("mount", "-t", "overlay", "overlay", "-o",
        f"lowerdir={lower},upperdir={memory}/upper,workdir={memory}/work", str(top))
    run("mount", "--rbind", "/proc", str(top / "proc"))
    # Devices of its own: root in there must not get at this machine's.
    run("mount", "-t", "tmpfs", "tmpfs", str(top / "dev"))
    for name, minor in [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)]:
        os.mknod(top / "dev" / name, 0o020666, os.makedev(1, minor))
        os.chmod(top / "dev" / name, 0o666)
    os.symlink("/proc/self/fd", top / "dev/fd")
    # Whoever tries the agent by hand on this machine leaves folders that a new machine has not.
    for left in (STATE, LOGS, "etc/log2aws"):
        shutil.rmtree(top / left, ignore_errors=True)
    run("chroot", str(top), "userdel", "log2aws", check=False)
    try:
        yield Machine(top)
    finally:
        run("umount", "--recursive", "--lazy", str(top))
        run("umount", "--lazy", str(memory))


@pytest.fixture
def machine(namespace, tmp_path):
    with new_machine(tmp_path) as made:
        yield made


class Serve:
    """A running `log2aws serve`."""

    def __init__(self, data):
        self.data = data
        binary = os.environ.get("LOG2AWS_BINARY", ROOT / "target" / "debug" / "log2aws")
        self.errors = open(data.with_suffix(".stderr"), "ab")
        self.process = subprocess.Popen(
            [str(binary), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)],
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        words = self.process.stdout.readline().split()
        urls = [word for word in words if word.startswith("http://")]
        assert urls, pathlib.Path(self.errors.name).read_text()
        self.url = urls[0].rstrip("/")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.errors.close()

    def log(self, server, day):
        """A day log as the store has it."""
        import boto3
        import botocore.config

        lines = (self.data / "credentials").read_text().splitlines()
        pairs = dict(map(str.strip, line.split("=", 1)) for line in lines if "=" in line)
        client = boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1",
            aws_access_key_id=pairs["aws_access_key_id"],
            aws_secret_access_key=pairs["aws_secret_access_key"],
            config=botocore.config.Config(s3={"addressing_style": "path"}))
        found = client.get_object(Bucket="serverlogs-local", Key=f"{server}/{day}.log")
        return found["Body"].read()


@pytest.fixture
def serve(tmp_path):
    running = Serve(tmp_path / "data")
    yield running
    running.stop()
