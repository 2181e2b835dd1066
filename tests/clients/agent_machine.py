"""A server as the manual of `log2aws-agent` has it, in a folder here.

What a test cannot have, it has a stand-in for, in the PATH of the commands: `sudo` runs what it is
given in an environment of its own, `install` leaves owners out, `apt-get` writes down what it was asked for, and `systemctl`
starts, reloads and stops a real `log2aws-agent run`.
"""

import json
import re
import subprocess
import time

from conftest import RAW, ROOT, Serve, binary

ENDPOINT = "http://log2aws.example:8750"
DAY = ROOT / "testdata" / "day.log"
STAND_INS = {
    "sudo": """#!/bin/sh
[ "$1" != -u ] || shift 2
exec env -i PATH="$PATH" MACHINE="$MACHINE" LOG2AWS_CONFIG="$LOG2AWS_CONFIG" \\
  LOG2AWS_LOG_DIR="$LOG2AWS_LOG_DIR" LOG2AWS_STATE_DIR="$LOG2AWS_STATE_DIR" "$@"
""",
    "install": """#!/bin/bash
kept=()
while [ $# -gt 0 ]; do case $1 in -o | -g) shift 2 ;; *) kept+=("$1"); shift ;; esac; done
exec /usr/bin/install "${kept[@]}"
""",
    "apt-get": '#!/bin/sh\necho "apt-get $*" >> "$MACHINE/asked"\n',
    "systemctl": """#!/bin/sh
pid=$(cat "$MACHINE/pid" 2>/dev/null)
case $1 in
  start) setsid log2aws-agent run > "$MACHINE/journal" 2>&1 < /dev/null & echo $! > "$MACHINE/pid" ;;
  stop) [ -z "$pid" ] || kill "$pid"; tail -f --pid="$pid" /dev/null; rm -f "$MACHINE/pid" ;;
  reload) kill -HUP "$pid" ;;
  restart) "$0" stop; exec "$0" start ;;
  status) kill -0 "$pid" ;;
esac
""",
}


class Machine:
    """A server with the folders of the manual, and the endpoint that it is told of."""

    def __init__(self, folder):
        self.folder = folder
        self.place = folder / "machine"
        for name in ["var/log/load", "var/log/log2aws", "var/lib", "etc/cron.d", "etc/log2aws",
                     "usr/local/sbin", "bin"]:
            (self.place / name).mkdir(parents=True)
        self.file("etc/log2aws/agent.toml").write_text("# as the package has it\n")
        for name, script in STAND_INS.items():
            (self.place / "bin" / name).write_text(script)
            (self.place / "bin" / name).chmod(0o755)
        (self.place / "bin/log2aws-agent").symlink_to(binary())
        self.serve = Serve(folder / "data", "--allow-hosts", "127.0.0.1")
        self.host = subprocess.check_output(["hostname"], text=True).strip()

    def file(self, path):
        return self.place / path

    def here(self, text):
        """The manual's addresses and folders, as they are here."""
        text = text.replace(ENDPOINT, self.serve.url)
        return re.sub(r"(?<![\w.])/(var/l|etc/|usr/local/)", rf"{self.place}/\1", text)

    def run(self, commands, code=0):
        """Runs commands to this exit code; `None` is any but 0."""
        done = subprocess.run(
            ["bash", "-ec", self.here(commands)], cwd=self.place, capture_output=True, text=True,
            timeout=120, env=self.environment(),
        )
        expected = done.returncode != 0 if code is None else done.returncode == code
        assert expected, commands + done.stdout + done.stderr
        return done.stdout + done.stderr

    def environment(self):
        return {
            "PATH": f"{self.place}/bin:/usr/bin:/bin", "MACHINE": str(self.place),
            "LOG2AWS_CONFIG": str(self.file("etc/log2aws/agent.toml")),
            "LOG2AWS_LOG_DIR": str(self.file("var/log/log2aws")),
            "LOG2AWS_STATE_DIR": str(self.file("var/lib/log2aws-agent")),
        }

    def log(self, folder, day):
        return self.file(f"var/log/{folder}/{day}.log")

    def whole_day(self, folder, day, head=""):
        lines = [line for line in DAY.read_text().splitlines() if not line.startswith("#")]
        text = "".join(f"{day}{line[10:]}\n" for line in lines)
        self.log(folder, day).write_text(head + text)
        return len(lines)

    def delivered(self, day, lines):
        """What the results say of the log that the store has of a day, which has so many lines.

        However slow the machine is: it is waited for as long as serve has something to analyze.
        """
        s3, name = self.serve.s3(), f"{self.host}/{day}"
        raw = s3.get_object(Bucket=RAW, Key=f"{name}.log")
        stored = [line for line in raw["Body"].read().splitlines() if not line.startswith(b"#")]
        assert len(stored) == lines, stored
        while True:
            # In this order: a log leaves the queue only when its results are there.
            idle = self.serve.metric("log2aws_analyze_queue_length") == 0
            summary = json.loads(self.serve.result(f"{name}.json"))
            if summary["raw"]["version"] == raw["VersionId"]:
                assert (summary["log"]["rows"], summary["log"]["rejects"]["count"]) == (lines, 0)
                return summary["log"]
            assert not idle, f"{raw['VersionId']} is not analyzed: {summary['raw']}"
            time.sleep(0.05)

    def end(self):
        self.run("systemctl stop")
        assert self.serve.stop() == 0
