"""Starts the built program and talks to it with the clients that people have."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.request
from resource import RLIMIT_NOFILE, setrlimit

import boto3
import botocore.config
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = pathlib.Path(os.environ.get("LOG2AWS_SEED_DIR", ROOT.parent / "shared" / "seed"))
RAW = "serverlogs-local"
ANALYZED = "analyzedlogs-local"
PATIENCE = 60.0

# The day of the seed's log is years ago, and these tests replace it.
os.environ.setdefault("LOG2AWS_DAYS_BACK", "36500")
os.environ.setdefault("LOG2AWS_FINAL_AFTER", "0")


def binary():
    named = os.environ.get("LOG2AWS_BINARY")
    path = pathlib.Path(named) if named else ROOT / "target" / "debug" / "log2aws"
    assert path.is_file(), f"{path} is not there; build it or set LOG2AWS_BINARY"
    return str(path)


class Serve:
    """One running `log2aws serve`, which may have so many open files."""

    def __init__(self, data, *flags, open_files=None):
        self.data = pathlib.Path(data)
        self.errors = open(self.data.parent / f"{self.data.name}.stderr", "ab")
        self.process = subprocess.Popen(
            [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), *flags],
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            preexec_fn=open_files and (lambda: setrlimit(RLIMIT_NOFILE, (open_files, open_files))),
        )
        words = self.process.stdout.readline().split()
        urls = [word for word in words if word.startswith("http://")]
        assert urls, f"serve did not start: {self.log()}"
        self.url = urls[0].rstrip("/")

    def log(self):
        return pathlib.Path(self.errors.name).read_text()

    def environment(self):
        """What a shell has after it sourced the credentials that serve made."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env["AWS_CONFIG_FILE"] = os.devnull
        env["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
        env["AWS_EC2_METADATA_DISABLED"] = "true"
        source = ["sh", "-c", '. "$1" && env -0', "sh", str(self.data / "credentials.env")]
        sourced = subprocess.run(source, env=env, check=True, capture_output=True, text=True)
        return dict(pair.split("=", 1) for pair in sourced.stdout.split("\0") if "=" in pair)

    def aws(self, *args, check=True, **kwargs):
        program = pathlib.Path(os.sys.executable).parent / "aws"
        done = subprocess.run(
            [str(program), *args],
            env=self.environment(),
            capture_output=True,
            timeout=300,
            **kwargs,
        )
        if check:
            assert done.returncode == 0, done.stderr.decode()
        return done

    def keys(self):
        lines = (self.data / "credentials").read_text().splitlines()
        pairs = dict(line.split("=", 1) for line in lines if "=" in line)
        pairs = {k.strip(): v.strip() for k, v in pairs.items()}
        return pairs["aws_access_key_id"], pairs["aws_secret_access_key"]

    def s3(self, **config):
        env = self.environment()
        return boto3.client(
            "s3",
            endpoint_url=env["AWS_ENDPOINT_URL"],
            region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(
                retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config
            ),
        )

    def result(self, key):
        """One object of the analyzed bucket, once it is there."""
        client = self.s3()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return client.get_object(Bucket=ANALYZED, Key=key)["Body"].read()
            except client.exceptions.NoSuchKey:
                assert time.monotonic() < deadline, f"{key} never came: {self.log()}"
                time.sleep(0.05)

    def metric(self, name):
        """The present value of a metric without labels."""
        token = (self.data / "metrics-token").read_text().strip()
        bearer = {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{self.url}/-/metrics", headers=bearer)
        with urllib.request.urlopen(request) as answer:
            lines = answer.read().decode().splitlines()
        (value,) = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
        return float(value)

    def get(self, path):
        with urllib.request.urlopen(self.url + path) as answer:
            return answer.read().decode()

    def stop(self, sent=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sent)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.errors.close()
        return code


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    running = Serve(tmp_path_factory.mktemp("serve") / "data")
    yield running
    assert running.stop() == 0, running.log()


@pytest.fixture
def serve_in(tmp_path):
    """Starts more servers, in folders of the test's own; all are stopped at its end."""
    started = []

    def start(name="data", *flags):
        started.append(Serve(tmp_path / name, *flags))
        return started[-1]

    yield start
    for running in started:
        running.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def seed():
    if not SEED.is_dir():
        pytest.skip(f"the seed is not at {SEED}: its wider comparison is left out")
    return SEED


def needs(program):
    path = shutil.which(program)
    assert path, f"{program} is not installed; `cargo xtask test` installs it"
    return path
