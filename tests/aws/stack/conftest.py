"""Runs `log2aws stack` against an AWS on this machine, scripted or moto's."""

import codecs
import hashlib
import io
import ipaddress
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import threading
import time
import zipfile

import pytest
from cloud import Cloud

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATE_FILE = ROOT / "deploy" / "template.yml"
TEMPLATE = TEMPLATE_FILE.read_text()
(DEPLOYMENT,) = re.findall(r"^  (ApiDeployment\w+):$", TEMPLATE, re.M)
# Of all packages of the workspace, and so of the program.
(VERSION,) = re.findall(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)
STACK = "log2aws-dev"
HOSTS = "203.0.113.7, web*@198.51.100.0/24"
NETWORKS = "203.0.113.7,198.51.100.0/24"
ONE = "203.0.113.7"
STORED = "/log2aws/dev/LogPutAllowHosts"
PATIENCE = 60.0
# What Ctrl-D sends at the beginning of a line.
END_OF_INPUT = "\x04"
X86_64, AARCH64 = 62, 183
# What an earlier deploy has sent: enough for a stack to stand.
GIVEN = {
    "Env": "dev",
    "ArtifactBucket": "cf-templates-ap-northeast-1-111122223333",
    "GenerateUrlKey": "log2aws/earlier-generate-url.zip",
    "AnalyzeLogKey": "log2aws/earlier-analyze-log.zip",
    "LogPutAllowHosts": HOSTS,
    "LogPutAllowNetworks": NETWORKS,
}


def binary():
    named = os.environ.get("LOG2AWS_BINARY")
    path = pathlib.Path(named) if named else ROOT / "target" / "debug" / "log2aws"
    assert path.is_file(), f"{path} is not there; build it or set LOG2AWS_BINARY"
    return str(path)


def elf(machine=X86_64, note=b""):
    """The 64 bytes that every 64-bit little-endian ELF executable begins with."""
    ident = b"\x7fELF" + bytes([2, 1, 1, 0]) + bytes(8)
    rest = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return ident + rest + note


def zipped(bootstrap=None, name="bootstrap", mode=0o755, version=VERSION):
    """A function's zip, the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.create_system = 3
        entry.external_attr = (0o100000 | mode) << 16
        archive.writestr(entry, elf() if bootstrap is None else bootstrap)
        if version:
            entry = zipfile.ZipInfo("log2aws-version", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, f"{version}\n")
    return out.getvalue()


class Told:
    """What a run said, and how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.all = out + err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Program:
    """The built binary, in a folder and an environment of its own."""

    def __init__(self, folder, url, region):
        self.folder = folder / "log2aws"
        self.folder.mkdir()
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir()
        self.url = url
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.started = []
        self.zips()

    def zips(self, generate=None, analyze=None):
        self.put(
            "generate-url.zip", zipped(elf(note=b"generate")) if generate is None else generate
        )
        self.put("analyze-log.zip", zipped(elf(note=b"analyze")) if analyze is None else analyze)

    def put(self, name, data):
        (self.artifacts / name).write_bytes(data)

    def command(self, verb, flags):
        line = [binary(), "stack", verb]
        if verb != "plan":
            line += ["--endpoint-url", self.url, "--poll-ms", "10"]
        if verb == "deploy" and "--artifacts" not in flags:
            line += ["--artifacts", str(self.artifacts)]
        return line + [str(flag) for flag in flags]

    def start(self, verb, *flags, terminal=False, yes=True, **more):
        """With `terminal`, standard input is one, on which the program asks. Without, a change is
        approved by `--yes` with the environment of these flags, unless `yes` is False."""
        if verb in ("deploy", "delete") and yes and not terminal:
            named = [value for flag, value in zip(flags, flags[1:]) if flag == "--env"]
            flags = (*flags, "--yes", [more.get("LOG2AWS_ENV", "dev"), *named][-1])
        ours, theirs = pty.openpty() if terminal else (None, subprocess.PIPE)
        process = subprocess.Popen(
            self.command(verb, flags),
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if terminal:
            os.close(theirs)
            process.stdin = os.fdopen(ours, "w")
        self.started.append(process)
        return Running(process, terminal)

    def __call__(self, verb, *flags, answer="", **more):
        return self.start(verb, *flags, **more).end(answer)

    def deploy(self, *flags, **more):
        return self("deploy", *flags, **more)

    def first(self, *flags, **more):
        return self("deploy", "--allow-hosts", HOSTS, *flags, **more)

    def stop(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()


class Running:
    """A run whose words are read as they come."""

    def __init__(self, process, terminal=False):
        self.process, self.terminal = process, terminal
        self.out, self.err = [], []
        self.readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in [(process.stdout, self.out), (process.stderr, self.err)]
        ]
        for reader in self.readers:
            reader.start()

    def _read(self, pipe, said):
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while data := os.read(pipe.fileno(), 65_536):
                said.append(decoder.decode(data))
        except (OSError, ValueError):
            # A test has closed its end.
            return

    def until(self, pattern):
        """Waits for these words, while the program still runs."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, "".join(self.out), re.M):
            assert self.process.poll() is None, f"ended before {pattern}: {self.told()}"
            assert time.monotonic() < deadline, f"{pattern} never came: {self.told()}"
            time.sleep(0.01)

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self, answer=""):
        """`answer` is typed, or piped; an empty one ends the input."""
        try:
            if self.terminal:
                os.write(self.process.stdin.fileno(), (answer or END_OF_INPUT).encode())
            else:
                self.process.stdin.write(answer)
                self.process.stdin.close()
        except OSError:
            # The program has not waited for an answer.
            pass
        self.process.wait(timeout=PATIENCE * 3)
        for reader in self.readers:
            reader.join()
        return self.told()

    def told(self):
        return Told(self.process.poll(), "".join(self.out), "".join(self.err))


@pytest.fixture
def cloud(request):
    region = getattr(request, "param", "ap-northeast-1")
    running = Cloud(region=region)
    yield running
    running.stop()
    assert not running.complaints, running.complaints
    # A call that the stand-in does not play would be answered by AWS: it belongs in the stand-in.
    played = {"GetParameter", "GetParameters", "PutParameter", "GetCallerIdentity"}
    played |= {"SimulatePrincipalPolicy", "AssumeRole"}
    for call in running.calls:
        if call.service in ("api", "sqs", "lambda"):
            continue
        of = {"cloudformation": running.stacks, "s3": running.buckets}.get(call.service)
        setting = call.service == "s3" and call.action.startswith("Put")
        known = hasattr(of, "_" + call.action) if of else call.action in played
        assert known or setting, f"{call} is not played"


@pytest.fixture
def program(cloud, tmp_path):
    running = Program(tmp_path, cloud.url, cloud.region)
    yield running
    running.stop()


@pytest.fixture
def standing(cloud):
    """A stack that stands, with what earlier deploys have put into the artifact bucket."""
    cloud.buckets.make(cloud.artifact_bucket())
    for kind in ("server", "analyzed"):
        cloud.buckets.make(cloud.bucket_name(kind))
    return cloud.stacks.standing(STACK, GIVEN)


@pytest.fixture
def deployed(cloud, program):
    """A stack that this program has made; what it called for that is forgotten."""
    succeeded(program.first())
    cloud.calls.clear()
    return cloud.stacks.stack(STACK)


def succeeded(told):
    assert told.code == 0, told
    return told


def failed(told, *words):
    """Exit 1, with one clear sentence in which these words stand."""
    assert told.code == 1, told
    return says(told, *words)


def says(told, *words):
    for word in words:
        assert re.search(word, told.all, re.I), f"says nothing of {word!r}: {told}"
    assert "panicked" not in told.err, told
    return told


def refused(told, *words):
    """Exit 2: a usage error."""
    assert told.code == 2, told
    return says(told, *words)


def only_planned(cloud):
    """Changes were planned and taken back: nothing is executed, made or put; nothing is left."""
    planning = {"CreateChangeSet", "DeleteChangeSet", "DeleteStack"}
    done = [call for call in cloud.changes() if call.action not in planning]
    assert cloud.of("CreateChangeSet") and not done, done
    assert not cloud.stacks.sets
    left = [stack for stack in cloud.stacks.all if stack.status == "REVIEW_IN_PROGRESS"]
    assert not left, left


# The day may stand before the time.
EVENT = re.compile(
    r"^\s*(?:\d{4}-\d\d-\d\d )?(\d\d:\d\d:\d\d)\s+([A-Z_]{6,})\s+(\S+)\s+(AWS::\S+) *(.*?) *$", re.M
)


def progress(told):
    """The event lines: [(status, logical id, type, reason)]."""
    return [match[1:] for match in EVENT.findall(told.out)]


def happened(stack, since=0):
    """The same, of the events that the stack has had."""
    return [
        (
            e["ResourceStatus"],
            e["LogicalResourceId"],
            e["ResourceType"],
            (e["ResourceStatusReason"] or "").strip(),
        )
        for e in stack.events[since:]
    ]


def networks(text):
    return {ipaddress.ip_network(one.strip()) for one in text.split(",")}


def entries(text):
    return {one.strip() for one in text.split(",")}


def key(data):
    return f"log2aws/{hashlib.sha256(data).hexdigest()}.zip"
