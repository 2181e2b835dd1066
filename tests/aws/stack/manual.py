"""The commands of a manual, in its order, and a shell that runs them one after another."""

import os
import pty
import re
import subprocess

# A line after which a command goes on, although what stands so far is a whole one.
GOES_ON = re.compile(r"(\\|\|\||&&|\|)$")


class Block:
    """A fenced block."""

    def __init__(self, language, text):
        self.language, self.text = language, text


def blocks(page):
    """Every fenced block, those inside of lists as well."""
    fences = re.findall(r"^( *)```(\w+)\n(.*?)^\1```$", page.read_text(), re.M | re.S)
    return [
        Block(language, re.sub(f"^{indent}", "", text, flags=re.M))
        for indent, language, text in fences
    ]


def commands(text):
    """The commands of a block: whole for bash, and without comments."""
    found, so_far = [], ""
    for line in text.splitlines():
        line = re.sub(r"\s+# .*", "", line).rstrip()
        if not so_far and (not line or line.startswith("#")):
            continue
        so_far += line + "\n"
        whole = subprocess.run(["bash", "-n"], input=so_far, text=True, capture_output=True)
        if whole.returncode == 0 and not GOES_ON.search(line):
            found.append(so_far.strip())
            so_far = ""
    assert not so_far, f"bash does not understand {so_far!r}"
    return found


class Done:
    """A command that has ended, and all that it said."""

    def __init__(self, command, code, said):
        self.command, self.code, self.said = command, code, said

    def __repr__(self):
        return f"{self.command}\n--- exit {self.code}\n{self.said}"


class Shell:
    """Bash on a terminal: what one command sets is there for the next."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        self.state = folder.parent / "shell-state"
        self.state.touch()

    def run(self, command, typed="", **more):
        """`typed` is what the person at the terminal answers; `more` are variables of this one."""
        script = [
            f". {self.state}",
            *(f"export {name}='{value}'" for name, value in {**self.environment, **more}.items()),
            f"trap 'export -p > {self.state}; declare -f >> {self.state}' EXIT",
            "set -aeo pipefail",
            command,
        ]
        ours, theirs = pty.openpty()
        os.write(ours, (typed or "\x04").encode())
        try:
            done = subprocess.run(
                ["bash", "-c", "\n".join(script)],
                cwd=self.folder,
                env=self.environment,
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=180,
            )
        finally:
            os.close(theirs)
            os.close(ours)
        return Done(command, done.returncode, done.stdout)
