"""Roots of other Debian releases, with their own C library and systemd."""

import pathlib
import subprocess
import threading

import pytest
from conftest import ROOT

# The oldest and the newest release that Debian's mirrors have: glibc 2.31 and systemd 247; glibc
# 2.41 and systemd 257.
RELEASES = ["bullseye", "trixie"]
# What every Debian server has; kill(1) of procps is the unit's reload.
PACKAGES = "systemd,mount,passwd,procps,tzdata"
# Making one takes half a minute, so they are kept.
KEPT = ROOT / ".tools" / "debian"
LOCK = threading.Lock()


def archive(release):
    """The root as an archive, made by Debian's mmdebstrap from the usual mirror."""
    made = KEPT / f"{release},{PACKAGES}.tar"
    with LOCK:
        if not made.is_file():
            KEPT.mkdir(parents=True, exist_ok=True)
            new = made.with_suffix(".new.tar")
            done = subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=essential", f"--include={PACKAGES}",
                 release, str(new)], capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                pytest.skip(f"required: no root of Debian {release}: {done.stderr.strip()[-300:]}")
            new.rename(made)
    return made


def unpacked(release, folder):
    """The root in a folder of its own, to lay others over."""
    top = pathlib.Path(folder) / release
    top.mkdir(parents=True)
    subprocess.run(["tar", "--extract", "--numeric-owner", "--file", str(archive(release)),
                    "--directory", str(top), "--exclude=./dev/*"], check=True, timeout=120)
    return top
