"""The commands of the manuals, run as they stand there."""

import datetime
import http.server
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import urllib.request

import pytest
from conftest import ROOT, Serve, binary, needs

LOG = ROOT / "testdata" / "document.log"
CSV = (ROOT / "testdata" / "document.csv").read_text()
READMES = ["README.md", "README.ja.md"]
MANUALS = ["docs/serve.md", "docs/serve.ja.md"]
AWS = ["docs/aws.md", "docs/aws.ja.md"]


def block(page, language, word):
    """The one fenced block of a page that holds a word."""
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)
    (one,) = [text for text in found if word in text]
    return one


class Machine:
    """Stands for the machines of the manuals: their addresses and folders, in a folder here."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "var/log/load").mkdir(parents=True)
        (folder / "var/lib").mkdir()
        # The charts that AWS keeps, of which the manual of AWS tells.
        flags = ["--allow-hosts", "127.0.0.1", "--charts", "svg,png"]
        self.serve = Serve(folder / "var/lib/log2aws", *flags)
        (folder / "bin").mkdir()
        (folder / "bin/log2aws").symlink_to(binary())

    def run(self, commands):
        """Runs commands, with the folders and addresses of the manuals made those of here."""
        for there in ["http://log2aws.example:8750", "http://127.0.0.1:8750"]:
            commands = commands.replace(there, self.serve.url)
        # What AWS would answer, serve answers: it is the same router and the same S3.
        api = "https://a1b2c3d4e5.execute-api.ap-northeast-1.amazonaws.com/dev/"
        commands = commands.replace(api, f"{self.serve.url}/")
        bucket = "analyzedlogs-dev-111122223333-ap-northeast-1"
        commands = commands.replace(bucket, "analyzedlogs-local")
        commands = commands.replace("/var/l", f"{self.folder}/var/l")
        aws = pathlib.Path(sys.executable).parent
        done = subprocess.run(
            ["bash", "-ec", commands], cwd=self.folder, capture_output=True, text=True, timeout=120,
            env={"PATH": f"{self.folder}/bin:{aws}:/usr/bin:/bin", "AWS_CONFIG_FILE": "/dev/null",
                 "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(self.folder)},
        )
        assert done.returncode == 0, commands + done.stdout + done.stderr
        return done.stdout

    def put(self, key):
        self.serve.s3().upload_file(str(LOG), "serverlogs-local", key)
        self.serve.result(key.replace(".log", ".json"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = Machine(tmp_path_factory.mktemp("manuals"))
    yield made
    assert made.serve.stop() == 0


@pytest.mark.parametrize("page", READMES)
def test_the_shell_alone_delivers(machine, page):
    needs("hostname"), needs("curl")
    # If midnight passes in between, the shell's yesterday is the other of the two.
    days = [datetime.date.today() - datetime.timedelta(days=back) for back in (0, 1)]
    for day in days:
        shutil.copy(LOG, machine.folder / f"var/log/load/{day}.log")
    machine.run(block(page, "sh", "curl -fsS"))
    host = subprocess.check_output(["hostname"], text=True).strip()
    listed = machine.serve.s3().list_objects_v2(Bucket="serverlogs-local", Prefix=f"{host}/")
    keys = [object["Key"] for object in listed["Contents"]]
    assert keys and set(keys) <= {f"{host}/{day}.log" for day in days}
    assert machine.serve.result(keys[0].replace(".log", ".csv")).decode().startswith(CSV[:500])
    # The line of this moment was appended to a day log, and is one that converts.
    logs = " ".join(f"/var/log/load/{day}.log" for day in days)
    assert machine.run(f"log2aws convert --strict {logs}").count("\n") >= 1 + 5 + 5 + 1


@pytest.mark.parametrize("page", READMES)
def test_results_are_read_with_awscli(machine, page):
    machine.put("web01/2019-08-01.log")
    out = machine.run(block(page, "sh", "aws s3 cp"))
    assert "web01/2019-08-01.svg" in out and out.endswith(CSV)


@pytest.mark.parametrize("page", READMES)
def test_logs_at_hand_are_converted(machine, page):
    shutil.copy(LOG, machine.folder / "var/log/load/2019-08-01.log")
    machine.run(block(page, "sh", "log2aws convert"))
    assert CSV.splitlines()[1] in (machine.folder / "year.csv").read_text().splitlines()


@pytest.mark.parametrize("page", READMES)
def test_the_crontab_has_the_flags_of_the_verbs(machine, page):
    lines = [
        line.split("log2aws ", 1)[1]
        for line in block(page, "sh", "*/10 * * * *").splitlines() if "log2aws " in line
    ]
    sample, ship = [f"log2aws {line} --state-dir state" for line in lines]
    machine.run(sample)
    machine.run(f"{ship} --since 2019-01-01 --dry-run")


@pytest.mark.parametrize("page", [*MANUALS, *AWS])
def test_the_servers_side_of_the_manual_delivers(machine, page):
    shutil.copy(LOG, machine.folder / "var/log/load/2019-08-01.log")
    machine.run(block(page, "sh", "url=$(curl"))
    host = subprocess.check_output(["hostname"], text=True).strip()
    assert machine.serve.result(f"{host}/2019-08-01.csv").decode() == CSV


@pytest.mark.parametrize("page", MANUALS)
def test_both_forms_of_the_credentials_open_the_store(machine, page):
    machine.put("web02/2019-08-01.log")
    out = machine.run(block(page, "sh", "AWS_SHARED_CREDENTIALS_FILE"))
    assert out.count("web02/2019-08-01.csv") == 2


@pytest.mark.parametrize("page", AWS)
def test_the_first_log_goes_to_aws_as_the_manual_says(machine, page):
    needs("hostname")
    out = machine.run("export LOG2AWS_STATE_DIR=agent\n" + block(page, "sh", "log2aws sample"))
    host = subprocess.check_output(["hostname"], text=True).strip()
    day, told = out.split(": ", 1)
    assert told.startswith("delivered") and machine.serve.result(f"{host}/{day}.csv")


@pytest.mark.parametrize("page", AWS)
def test_results_on_aws_are_read_as_the_manual_says(machine, page):
    machine.put("web01/2019-08-01.log")
    read = block(page, "sh", "aws s3 cp s3://analyzedlogs")
    out = machine.run("source /var/lib/log2aws/credentials.env\n" + read)
    assert "web01/2019-08-01.svg" in out and out.endswith(CSV)


@pytest.mark.parametrize("page", [*READMES, *MANUALS])
def test_serve_starts_as_the_manual_says(tmp_path, page):
    (command,) = re.findall(r"log2aws serve (--listen.*?'\n)", (ROOT / page).read_text(), re.S)
    assert "--listen 0.0.0.0:8750" in command and "/var/lib/log2aws" in command
    command = command.replace(":8750 -", ":0 -").replace("/var/lib/log2aws", f"{tmp_path}/data")
    starts(f"exec {binary()} serve {command}", tmp_path)


@pytest.mark.parametrize("page", MANUALS)
def test_the_manuals_settings_file_is_taken_whole(tmp_path, page):
    settings = block(page, "toml", "listen")
    (tmp_path / "serve.toml").write_text(settings.replace("0.0.0.0:8750", "127.0.0.1:0"))
    starts(
        f"exec {binary()} serve --config serve.toml --data-dir {tmp_path}/data", tmp_path
    )
    # Every entry of the list counts, not the first alone.
    (tmp_path / "serve.toml").write_text('allow-hosts = ["10.0.0.0/8", "203.0.113.777"]')
    done = subprocess.run(
        [binary(), "serve", "--config", "serve.toml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "203.0.113.777" in done.stderr and "serve.toml" in done.stderr


def starts(command, folder):
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first = process.stdout.readline()
    process.terminate()
    _, log = process.communicate(timeout=30)
    assert first.startswith("log2aws serves http://"), log
    assert process.returncode == 0, log
    # What was logged is plain text: nobody looks at it here.
    assert "stopped" in log and "\x1b" not in log


class FlakyGateway(http.server.BaseHTTPRequestHandler):
    """Hands on to serve, after it has failed as API Gateway and S3 do."""

    FAILURES = {
        "GET": [
            (429, "too many requests of all servers together; ask again later"),
            (503, "no URL can be given at the moment; ask again later"),
        ],
        "PUT": [(503, "<Error><Code>SlowDown</Code></Error>")],
    }

    def do_GET(self):
        if not self.fails():
            with urllib.request.urlopen(self.server.serve.url + self.path) as answer:
                self.server.url = answer.read().decode()
            self.answer(200, f"http://127.0.0.1:{self.server.server_port}/put?X-Amz-Signature=0%2F1")

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.fails():
            headers = {"Content-Type": ""}
            put = urllib.request.Request(self.server.url, body, headers, method="PUT")
            with urllib.request.urlopen(put) as answer:
                self.answer(answer.status, "")

    def fails(self):
        self.server.seen.append(self.command)
        failures = self.FAILURES[self.command]
        if not self.server.for_good:
            failures = failures[self.server.seen.count(self.command) - 1:]
        if failures:
            self.answer(*failures[0])
        return bool(failures)

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        if status != 200:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway(machine):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FlakyGateway)
    server.serve, server.seen, server.for_good = machine.serve, [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def old_script(page, gateway, server, folder):
    """The document's script as the page prints it, with the values of this machine."""
    (script,) = re.findall(r"```bash\n(.*?)```", (ROOT / page).read_text(), re.S)
    script = textwrap.dedent("   " + script.lstrip())
    values = {
        "gen_url": f"http://127.0.0.1:{gateway.server_port}/",
        "server": server,
        "log_dir": str(folder),
    }
    for name, value in values.items():
        script, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", script)
        assert count == 1, f"{page}: the script sets {name} {count} times"
    # It waits up to five minutes; here it only says for how long.
    return "sleep() { echo waits $1 >&2; }\n" + script


@pytest.mark.parametrize("page", AWS)
def test_the_documents_script_survives_429_and_503(machine, gateway, tmp_path, page):
    needs("curl")
    server = f"script-{pathlib.Path(page).suffixes[0][1:]}"
    days = [datetime.date.today() - datetime.timedelta(days=back) for back in (1, 2)]
    for day in days:
        shutil.copy(LOG, tmp_path / f"{day}.log")
    script = old_script(page, gateway, server, tmp_path)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done
    assert re.search(r"^waits \d+$", done.stderr, re.M), done.stderr
    assert gateway.seen == ["GET", "GET", "GET", "PUT", "PUT"]
    listed = machine.serve.s3().list_objects_v2(Bucket="serverlogs-local", Prefix=f"{server}/")
    (log,) = listed["Contents"]
    assert log["Key"] in [f"{server}/{day}.log" for day in days]
    assert log["Size"] == LOG.stat().st_size


def test_the_documents_script_says_so_when_it_gives_up(machine, gateway, tmp_path):
    needs("curl")
    gateway.for_good = True
    script = old_script(AWS[0], gateway, "gives-up", tmp_path).replace("--retry 8", "--retry 1")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "get signed url error!\n", done
    assert "429" in done.stderr and gateway.seen == ["GET", "GET"]
