"""One node of Garage, an S3 that somebody else wrote, with the functions before it.

LOG2AWS_GARAGE names its program; `cargo xtask soak garage` builds it.
"""

import os
import re
import secrets
import subprocess

import pytest
from cloud import ANALYZED, RAW, REGION, Cloud
from programs import Process, eventually, free_port, listens

CONFIGURATION = """\
metadata_dir = "{folder}/metadata"
data_dir = "{folder}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:{rpc}"
rpc_public_addr = "127.0.0.1:{rpc}"
rpc_secret = "{secret}"

[s3_api]
s3_region = "{region}"
api_bind_addr = "127.0.0.1:{s3}"
root_domain = ".s3.localhost"
"""


class Garage:
    def __init__(self, folder):
        self.program = os.environ["LOG2AWS_GARAGE"]
        self.configuration = folder / "garage.toml"
        rpc, self.port = free_port(), free_port()
        self.configuration.write_text(
            CONFIGURATION.format(
                folder=folder, rpc=rpc, s3=self.port, region=REGION, secret=secrets.token_hex(32)
            )
        )
        self.configuration.chmod(0o600)
        self.url = f"http://127.0.0.1:{self.port}"
        command = [self.program, "-c", str(self.configuration), "server"]
        self.process = Process("garage", folder, command)

    def begin(self):
        eventually(self.process.said, lambda: listens(self.port))
        node = self.tell("node", "id", "-q").split("@")[0]
        self.tell("layout", "assign", "-z", "dc1", "-c", "1G", node)
        self.tell("layout", "apply", "--version", "1")
        for bucket in [RAW, ANALYZED]:
            self.tell("bucket", "create", bucket)

    def tell(self, *words):
        command = [self.program, "-c", str(self.configuration), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.process.said())
        return done.stdout

    def key(self, name, **rights):
        """A new pair of keys with rights on buckets, e.g. `raw=["--write"]`."""
        said = self.tell("key", "create", name)
        pair = [re.search(rf"{what}:\s+(\S+)", said)[1] for what in ["Key ID", "Secret key"]]
        for bucket, flags in [(RAW, rights.get("raw")), (ANALYZED, rights.get("analyzed"))]:
            if flags:
                self.tell("bucket", "allow", *flags, bucket, "--key", pair[0])
        return tuple(pair)


@pytest.fixture(scope="session")
def garage(tmp_path_factory):
    running = Garage(tmp_path_factory.mktemp("garage"))
    try:
        running.begin()
        yield running
    finally:
        running.process.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory, garage):
    both = ["--read", "--write"]
    keys = {
        "generate-url": garage.key("generate-url", raw=["--write"], analyzed=["--read"]),
        "analyze-log": garage.key("analyze-log", raw=["--read"], analyzed=both),
    }
    operator = garage.key("operator", raw=both, analyzed=both)
    running = Cloud(tmp_path_factory.mktemp("cloud"), garage.url, keys, operator)
    try:
        running.begin()
        running.keys_of_servers("list", "--init")
        yield running
    finally:
        running.stop()
