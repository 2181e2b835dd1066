"""Lines that this very machine writes, and their way to a result."""

import json
import socket
import subprocess

import pytest
from conftest import ROOT, binary, needs

HEADER = (ROOT / "testdata" / "document.csv").read_text().splitlines()[0]


def test_a_line_of_this_machines_own_tools_converts(tmp_path):
    needs("uptime"), needs("vmstat")
    line = subprocess.run(
        ["bash", "-c", "echo `date +%Y-%m-%d` `uptime` `vmstat | tail -1`"],
        capture_output=True, text=True, check=True,
    ).stdout
    done = subprocess.run(
        [binary(), "convert", "--strict", "-"], input=line, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.splitlines()
    assert len(row.split(",")) == len(header.split(",")) == 23
    assert line.startswith(row.split(",")[0][:10])


class Agent:
    """`sample` and `ship` of one server, in folders of its own."""

    def __init__(self, folder, server):
        self.logs, self.server = folder / "log", server
        self.places = ["--log-dir", str(self.logs), "--state-dir", str(folder / "state"),
                       "--server", server]

    def run(self, verb, *flags):
        return subprocess.run(
            [binary(), verb, *self.places, *flags], capture_output=True, text=True, timeout=60
        )

    def sample(self):
        """Takes a sample; the day that its line is of."""
        done = self.run("sample")
        assert done.returncode == 0, done.stderr
        newest = max(self.logs.glob("*.log"))
        return newest.stem, newest

    def ship(self, serve, day, *flags):
        return self.run("ship", "--api", serve.url, "--date", day, "--max-time", "20", *flags)


@pytest.fixture
def agent(tmp_path, request):
    return Agent(tmp_path / "agent", request.node.name.replace("_", "-")[:60])


def test_sample_and_ship_deliver(serve, agent):
    agent.sample()
    day, log = agent.sample()
    done = agent.ship(serve, day, "--json")
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["days"]
    assert (told["outcome"], told["size"], told["attempts"]) == (
        "delivered", log.stat().st_size, 1)

    csv = serve.result(f"{agent.server}/{day}.csv").decode().splitlines()
    lines = [line for line in log.read_text().splitlines() if not line.startswith("#")]
    assert csv[0] == HEADER
    # The stamps of the rows are those of the lines, and no line is missing.
    assert [row.split(",")[0] for row in csv[1:]] == [line[:19] for line in lines]
    summary = json.loads(serve.result(f"{agent.server}/{day}.json"))["log"]
    assert summary["rows"] == len(lines) and summary["rejects"]["count"] == 0


def test_what_was_delivered_is_not_sent_again_until_it_grows(serve, agent):
    day, log = agent.sample()
    assert "delivered" in agent.ship(serve, day).stdout
    again = agent.ship(serve, day)
    assert again.returncode == 0 and "nothing to do" in again.stdout
    assert versions(serve, agent, day) == 1

    with open(log, "a") as more:
        more.write((ROOT / "testdata" / "document.log").read_text())
    grown = agent.ship(serve, day)
    assert grown.returncode == 0 and "nothing to do" not in grown.stdout, grown.stdout
    assert versions(serve, agent, day) == 2


def versions(serve, agent, day):
    key = f"{agent.server}/{day}.log"
    listed = serve.s3().list_object_versions(Bucket="serverlogs-local", Prefix=key)
    return len(listed["Versions"])


def test_a_missing_log_fails_by_name(serve, agent):
    agent.logs.mkdir(parents=True, exist_ok=True)
    done = agent.ship(serve, "2019-08-01")
    assert done.returncode == 1
    assert f"{agent.logs}/2019-08-01.log does not exist" in done.stdout + done.stderr


def test_a_refusal_has_its_own_exit_code_and_becomes_a_delivery(serve_in, agent):
    day, log = agent.sample()
    closed = serve_in("closed", "--allow-hosts", "203.0.113.7")
    done = agent.ship(closed, day)
    assert done.returncode == 5, done.stdout
    assert "allow-list" in done.stdout and "127.0.0.1" in done.stdout
    assert log.is_file()
    opened = serve_in("opened", "--allow-hosts", f"{agent.server[:6]}*@127.0.0.1")
    assert agent.ship(opened, day).returncode == 0
    opened.result(f"{agent.server}/{day}.json")


def test_an_endpoint_that_is_not_there_leaves_the_log_for_the_next_run(serve, agent):
    day, _ = agent.sample()
    with socket.socket() as taken:
        # Bound and not listening: connections are refused for as long as it is held.
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = agent.run("ship", "--api", address, "--date", day, "--max-time", "1")
    assert done.returncode == 1
    assert address in done.stdout and "refused" in done.stdout, done.stdout
    assert agent.ship(serve, day).returncode == 0


def test_a_dry_run_asks_nobody_and_writes_nothing(serve, agent):
    day, log = agent.sample()
    before = sorted(agent.logs.parent.rglob("*"))
    done = agent.ship(serve, day, "--dry-run")
    assert done.returncode == 0 and f"would deliver {log}" in done.stdout
    assert sorted(agent.logs.parent.rglob("*")) == before
    assert f"key={agent.server}/" not in serve.log()


def test_two_demos_at_once_keep_out_of_each_others_way(tmp_path):
    command = [binary(), "demo", "--once", "--no-fleet", "--samples", "2"]
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    charts = set()
    for demo in both:
        out, _ = demo.communicate(timeout=60)
        assert demo.returncode == 0, out
        assert HEADER in out
        # The server has ended: a link to it would lead nowhere.
        assert "http" not in out.partition("5. look")[2]
        charts.add(out.rpartition("chart: ")[2].splitlines()[0])
    assert len(charts) == 2
    for chart in charts:
        assert chart.startswith(str(tmp_path)) and open(chart).read().startswith("<svg")


def test_the_demo_shows_made_up_servers_and_says_that_they_are(tmp_path):
    demo = subprocess.run(
        [binary(), "demo", "--once", "--samples", "1"], capture_output=True, text=True, timeout=120,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "made-up servers" in demo.stdout
    # Found in the dashboard, by the demo itself.
    assert "the dashboard shows demo-mail01" in demo.stdout
    [place] = tmp_path.glob("log2aws-demo-*/fleet")
    servers = sorted(place.iterdir())
    assert len(servers) == 8 and all(server.name.startswith("demo-") for server in servers)
    for server in servers:
        first = sorted((server / "log").iterdir())[0].read_text().splitlines()[0]
        assert "note=made%20up:" in first


def test_a_demo_that_nobody_can_read_says_so(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [binary(), "demo", "--once", "--samples", "1"], stdout=full, stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}, text=True, timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output cannot be written\n"), done.stderr


def test_a_demo_whose_port_is_taken_leaves_nothing_behind(serve, tmp_path):
    taken = serve.url.removeprefix("http://")
    done = subprocess.run(
        [binary(), "demo", "--once", "--listen", taken], capture_output=True, text=True, timeout=60,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 1
    assert f"cannot listen on {taken}" in done.stderr
    assert list(tmp_path.iterdir()) == []
