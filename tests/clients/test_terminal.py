"""What the verbs for local files say on a terminal, tried with a pseudo-terminal."""

import os
import pty
import select
import subprocess
import termios
import time

import pytest
from conftest import PATIENCE, ROOT, binary

LOG = ROOT / "testdata" / "document.log"
PNG = b"\x89PNG"
WAITS = b"reading standard input; Ctrl-D ends it"


class Terminal:
    """A program whose standard streams are a terminal, but for those that are given."""

    def __init__(self, *args, **streams):
        self.master, slave = pty.openpty()
        # What is typed is not shown again.
        attributes = termios.tcgetattr(slave)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        streams = {name: streams.get(name, slave) for name in ("stdin", "stdout", "stderr")}
        self.process = subprocess.Popen([binary(), *args], **streams)
        os.close(slave)
        self.shown = b""

    def type(self, keys):
        os.write(self.master, keys)

    def read_until(self, text):
        """Reads until the text is shown, or if it is None, until the program closes the terminal."""
        deadline = time.monotonic() + PATIENCE
        while text is None or text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if not select.select([self.master], [], [], 1)[0]:
                continue
            try:
                part = os.read(self.master, 65536)
            except OSError:
                part = b""
            if not part:
                assert text is None, self.shown
                return
            self.shown += part

    def end(self):
        self.read_until(None)
        os.close(self.master)
        return self.process.wait(PATIENCE)


@pytest.mark.parametrize("verb", ["convert", "chart"])
def test_a_verb_says_that_it_waits_for_standard_input(verb):
    terminal = Terminal(verb)
    terminal.read_until(WAITS)
    assert terminal.process.poll() is None, "it waits"
    terminal.type(LOG.read_bytes() + b"\x04")
    assert terminal.end() == 0
    assert (b"2019-08-01 00:00:01," if verb == "convert" else b"<svg") in terminal.shown


@pytest.mark.parametrize("verb", ["convert", "chart"])
def test_a_verb_with_a_file_or_a_pipe_says_nothing_of_standard_input(verb):
    named = Terminal(verb, str(LOG))
    assert named.end() == 0 and WAITS not in named.shown
    with LOG.open("rb") as piped:
        terminal = Terminal(verb, stdin=piped)
        assert terminal.end() == 0 and WAITS not in terminal.shown


def test_a_picture_is_not_written_to_a_terminal():
    terminal = Terminal("chart", str(LOG), "--format", "png")
    assert terminal.end() == 2
    assert PNG not in terminal.shown and b"name a file with -o" in terminal.shown


def test_a_picture_is_written_to_a_terminal_on_demand_and_to_a_pipe():
    terminal = Terminal("chart", str(LOG), "--format", "png", "-o", "-")
    assert terminal.end() == 0 and PNG in terminal.shown
    piped = subprocess.run([binary(), "chart", str(LOG), "--format", "png"], capture_output=True)
    assert piped.returncode == 0 and piped.stdout.startswith(PNG)
