"""Programs on Node, AWS's SDK and MinIO's client, against serve."""

import subprocess

import pytest
from conftest import ROOT, needs

FOLDER = ROOT / "tests" / "clients" / "node"


@pytest.mark.parametrize("name", ["aws_sdk", "minio"])
def test_a_client_of_node_finds_what_it_wants(serve, name):
    assert (FOLDER / "node_modules").is_dir(), "`cargo xtask test` installs it; or npm ci there"
    command = [needs("node"), "--test", f"{name}.test.mjs"]
    done = subprocess.run(
        command, cwd=FOLDER, env=serve.environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# fail 0\n" in done.stdout and "\n# skipped 0\n" in done.stdout, done.stdout
