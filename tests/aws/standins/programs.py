"""Programs that run while tests do, and what they listen on."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Where the programs of the Python packages are.
TOOLS = pathlib.Path(sys.executable).parent
PATIENCE = 30.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not (value := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.05)
    return value


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


def moto(folder, port, **environment):
    """A moto server that listens."""
    command = [str(TOOLS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = Process("moto", folder, command, env={**os.environ, **environment})

    def up():
        assert process.process.poll() is None, process.said()
        return listens(port)

    try:
        eventually(process.said, up)
    except BaseException:
        process.stop()
        raise
    return process
