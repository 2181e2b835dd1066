"""Lines that this very machine writes."""

import subprocess

from conftest import binary, needs


def test_a_line_of_this_machines_own_tools_converts(tmp_path):
    needs("uptime"), needs("vmstat")
    line = subprocess.run(
        ["bash", "-c", "echo `date +%Y-%m-%d` `uptime` `vmstat | tail -1`"],
        capture_output=True, text=True, check=True,
    ).stdout
    done = subprocess.run(
        [binary(), "convert", "--strict", "-"], input=line, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert len(row.split(",")) == len(header.split(",")) == 23
    assert line.startswith(row.split(",")[0][:10])
