"""Boots a machine of these tests under the real systemd of this system.

It is PID 1 in PID, mount, network, UTS, IPC and cgroup namespaces of its own, over the machine's
root. Nothing of it reaches this system: sysctls are read-only, and when its init dies, so do all of its
processes.
"""

import contextlib
import os
import pathlib
import subprocess
import time
import uuid

import pytest
from conftest import run

# Runs in the new namespaces: the file systems that systemd expects, then systemd.
START = """
set -eu
top=$1
mount --make-rprivate /
mount -t proc proc "$top/proc"
mount --bind "$top/proc/sys" "$top/proc/sys"
mount -o remount,bind,ro "$top/proc/sys"
mount -t sysfs -o ro sysfs "$top/sys"
mount -t cgroup2 cgroup2 "$top/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$top/run"
mount -t tmpfs -o mode=1777 tmpfs "$top/tmp"
mkdir "$top/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$top/dev/pts"
ln -s pts/ptmx "$top/dev/ptmx"
mknod -m 666 "$top/dev/tty" c 5 0
mkdir "$top/old"
cd "$top"
pivot_root . old
exec chroot . /bin/sh -c 'umount -l /old
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
        /lib/systemd/systemd --system --unit=sysinit.target --show-status=no --log-target=journal'
"""


def cgroup_mount():
    """Where this system has its second version of cgroups; systemd wants a part of it."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return pathlib.Path(before.split()[4])
    pytest.skip("required: no cgroup2 is mounted here, and systemd needs one")


class Booted:
    """A machine that runs."""

    def __init__(self, machine, init):
        self.machine = machine
        self.init = init

    def run(self, *command, check=True):
        """Runs a command in it, with an environment such as sudo gives."""
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        enter = ["nsenter", f"--target={self.init}", "--all", "--"]
        return run(*enter, *clean, *command, check=check)

    def output(self, *command):
        return self.run(*command, check=False).stdout.strip()

    def show(self, unit, name):
        return self.output("systemctl", "show", "--value", f"--property={name}", unit)

    def journal(self, unit):
        return self.output("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def wait_until(self, what, is_so, within):
        """Waits for a condition; returns its value and how long that took."""
        start = time.monotonic()
        while not (found := is_so()):
            if time.monotonic() - start > within:
                everything = self.output("journalctl", "--no-pager", "--lines=60")
                raise AssertionError(f"{what}: not within {within} s; the journal:\n{everything}")
            time.sleep(0.1)
        return found, time.monotonic() - start


def child_of(process):
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(100):
        if process.poll() is None and (found := children.read_text().split()):
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError(f"systemd was not started: {process.communicate(timeout=10)}")


@contextlib.contextmanager
def booted(machine):
    """The machine under systemd, up to sysinit.target, for as long as the context lasts."""
    # Each machine of this system has its own; an empty one is filled at boot.
    (machine / "etc/machine-id").unlink(missing_ok=True)
    (machine / "etc/machine-id").write_text("")
    group = cgroup_mount() / f"log2aws-{uuid.uuid4().hex}"
    group.mkdir()
    try:
        enter = f'echo $$ >"{group}/cgroup.procs"; exec "$@"'
        process = subprocess.Popen(
            ["sh", "-c", enter, "sh", "unshare", "--fork", "--kill-child", "--pid", "--mount",
             "--net", "--uts", "--ipc", "--cgroup", "sh", "-c", START, "sh", str(machine.top)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            system = Booted(machine, child_of(process))
            try:
                is_up = lambda: system.output("systemctl", "is-active", "sysinit.target") == "active"
                system.wait_until("sysinit.target", is_up, 60)
                yield system
            finally:
                # The kernel ends everything in a PID namespace with its init.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(system.init, 9)
        finally:
            process.kill()
            process.communicate()
    finally:
        remove_groups(group)


def remove_groups(group):
    for folder, _, _ in os.walk(group, topdown=False):
        for _ in range(50):
            try:
                os.rmdir(folder)
                break
            except OSError:
                # Its processes are being ended.
                time.sleep(0.1)
