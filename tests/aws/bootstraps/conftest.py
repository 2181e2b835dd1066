"""A small AWS on this machine: a Lambda Runtime API, a Parameter Store, and serve's S3."""

import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = pathlib.Path(os.environ.get("LOG2AWS_BOOTSTRAPS", ROOT / "target" / "debug"))
TOOLS = pathlib.Path(sys.executable).parent
FUNCTIONS = ["generate-url", "analyze-log"]
PATIENCE = 30.0


def load_clients():
    """The fixtures of the other tests know how to run serve."""
    path = ROOT / "tests" / "clients" / "conftest.py"
    spec = importlib.util.spec_from_file_location("clients", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


clients = load_clients()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not (value := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)
    return value


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program that runs until it is stopped; what it says is kept."""

    def __init__(self, name, folder, command, **options):
        self.name, self.folder = name, folder
        with open(folder / f"{name}.out", "wb") as out, open(folder / f"{name}.err", "wb") as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, **options)

    def said(self):
        return [(self.folder / f"{self.name}.{end}").read_text() for end in ["out", "err"]]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Cloud:
    """The stand-ins, and the two compiled functions that run among them."""

    def __init__(self, folder, serve):
        self.folder, self.serve = folder, serve
        self.running = {}
        self.ssm_port, self.port = free_port(), free_port()

    def begin(self):
        self.start_ssm()
        self.put_parameter("LogPutAllowHosts", "127.0.0.1")
        self.put_parameter("ServerlogBucketName", clients.RAW)
        self.put_parameter("AnalyzedlogBucketName", clients.ANALYZED)
        # The emulator serves the binaries of a cargo project: here one of empty programs, whose
        # names are those of the functions. It builds none of them.
        project = self.folder / "project"
        (project / "src" / "bin").mkdir(parents=True)
        manifest = '[package]\nname = "functions"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
        (project / "Cargo.toml").write_text(manifest)
        for name in FUNCTIONS:
            (project / "src" / "bin" / f"{name}.rs").write_text("fn main() {}\n")
        watch = [str(TOOLS / "cargo-lambda"), "lambda", "watch", "--only-lambda-apis"]
        self.start(
            "runtime-api", [*watch, "-A", "127.0.0.1", "-P", str(self.port)], cwd=project
        )
        eventually(self.trouble, lambda: listens(self.port))
        for name in FUNCTIONS:
            self.start_function(name)

    def start(self, name, command, **options):
        self.running[name] = Process(name, self.folder, command, **options)

    def start_ssm(self):
        moto = [str(TOOLS / "moto_server"), "-H", "127.0.0.1", "-p", str(self.ssm_port)]
        self.start("parameter-store", moto)
        eventually(self.trouble, lambda: listens(self.ssm_port))

    def start_function(self, name):
        key, secret = self.keys(name)
        environment = {
            "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{self.port}/.rt/{name}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL_SSM": f"http://127.0.0.1:{self.ssm_port}",
            "AWS_ENDPOINT_URL_S3": self.serve.url,
            "LOG2AWS_ENV": "dev",
        }
        program = PROGRAMS / name
        assert program.is_file(), f"{program} is not there; build it or set LOG2AWS_BOOTSTRAPS"
        self.start(name, [str(program)], env=environment)

    def keys(self, name):
        """generate-url signs with serve's signing key, which may put and nothing else."""
        if name == "analyze-log":
            return self.serve.keys()
        lines = (self.serve.data / "signing-key").read_text().splitlines()
        pairs = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
        return pairs["aws_access_key_id"], pairs["aws_secret_access_key"]

    def put_parameter(self, name, value):
        ssm = boto3.client(
            "ssm",
            endpoint_url=f"http://127.0.0.1:{self.ssm_port}",
            region_name="us-east-1",
            aws_access_key_id="operator",
            aws_secret_access_key="operator",
        )
        ssm.put_parameter(
            Name=f"/log2aws/dev/{name}", Value=value, Type="String", Overwrite=True
        )

    def invoke(self, name, event):
        """One invocation: the HTTP status of the Runtime API's front, and the function's answer."""
        path = f"http://127.0.0.1:{self.port}/2015-03-31/functions/{name}/invocations"
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        request = urllib.request.Request(path, data=body)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def said(self, name):
        return self.running[name].said()

    def trouble(self):
        return "\n".join(f"{name}: {said}" for name in self.running for said in self.said(name))

    def stop(self):
        for process in reversed(self.running.values()):
            process.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    serve = clients.Serve(folder / "data")
    running = Cloud(folder, serve)
    try:
        running.begin()
        yield running
    finally:
        running.stop()
        code = serve.stop()
    assert code == 0, serve.log()
