"""The manual of the servers' side: its commands run, its names and messages are those of the code."""

import datetime
import json
import os
import re
import subprocess
import time

import pytest
from agent_machine import ENDPOINT, Machine
from agent_peers import EXPIRED, OURS, URL, answering
from conftest import PATIENCE, ROOT, binary, needs

PAGES = ["docs/agent.md", "docs/agent.ja.md"]
VERBS = ["sample", "ship", "run", "status", "doctor", "config check"]


def text_of(page):
    return (ROOT / page).read_text()


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", text_of(page), re.S)


def block(page, language, word):
    (one,) = [text for text in blocks(page, language) if word in text]
    return one


def section(page, heading):
    """What stands below one heading, to the next of its level."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}.*?\n(.*?)(?=^{level} |\Z)", text_of(page), re.S | re.M)
    assert found, f"{page} has no {heading!r}"
    return found[1]


def rows(text):
    """The cells of a text's tables, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = [at for at, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
    heads = {at - 1 for at in rules} | set(rules)
    return [row for at, row in enumerate(cells) if at not in heads]


def yesterday():
    return datetime.date.today() - datetime.timedelta(days=1)


@pytest.fixture
def machine(tmp_path):
    needs("hostname"), needs("curl"), needs("vmstat")
    made = Machine(tmp_path)
    yield made
    made.end()


# The settings.

def help_of(verb):
    done = subprocess.run([binary(), *verb.split(), "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def flags(verb):
    """Of each flag in the help of a verb: what stands between it and the next."""
    parts = re.split(r"^ +(?:-\w, +)?--([\w-]+)", help_of(verb), flags=re.M)[1:]
    found = {name: " ".join(text.split()) for name, text in zip(parts[::2], parts[1::2])}
    found.pop("help")
    return found


def settings(page):
    """Of each verb: the rows of the tables whose heading names it, or of which a line below does."""
    part = section(page, "## Settings" if page == PAGES[0] else "## 設定")
    found = {verb: {} for verb in VERBS}
    for heading, text in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", part, re.S | re.M):
        table = {}
        for flag, *cells in rows(text):
            (name,) = re.findall(r"^`--([\w-]+)`$", flag)
            table[name] = cells
        for verb in re.findall(r"`([^`]+)`", heading):
            found[verb] |= table
        # Below it: a flag, and the other verbs that have it.
        for name in re.findall(r"`([^`]+)`", re.sub(r"^\|.*", "", text, flags=re.M)):
            if name.startswith("--"):
                flag = name[2:]
            else:
                found[name][flag] = table[flag]
    return found


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("verb", VERBS)
def test_the_settings_are_those_of_the_verbs(page, verb):
    told, there = settings(page)[verb], flags(verb)
    assert set(told) == set(there)
    for name, (variable, key, meaning, default) in told.items():
        assert variable == f"`LOG2AWS_{name.upper().replace('-', '_')}`"
        assert variable.strip("`") in there[name]
        assert key == ("" if name == "config" else f"`{name}`")
        assert meaning
        given = re.findall(r"\[default: ([^\]]*)\]", there[name])
        if given and not re.search(r" (the|keep|all|if) ", f" {given[0]} "):
            assert default == f"`{given[0]}`", name


@pytest.mark.parametrize("page", PAGES)
def test_every_key_of_the_settings_is_a_key(machine, page):
    keys = {key.strip("`") for verb in settings(page).values() for _, key, *_ in verb.values() if key}
    switches = {key for key in keys for verb in VERBS if "<" not in flags(verb).get(key, "<")[:3]}
    values = {
        "log-dir": '"/var/log/log2aws"', "state-dir": '"/var/lib/log2aws-agent"', "server": '"web01"',
        "note": '"本番DB"', "window": "1", "api": f'"{ENDPOINT}"', "ca-file": '"/etc/log2aws/ca.pem"',
        "upload-host": '["s3.example.com"]', "limit-rate": '"200k"', "max-time": "600",
        "keep-days": "90", "date": '"2019-08-01"', "since": '"2019-08-01"', "interval": '"10m"',
        "ship-window": '"00:10-04:10"', "time-zone": '"Asia/Tokyo"',
        "proxy": '"http://proxy.example.com:3128"', "no-proxy": '"localhost,.example.com"', "textfile": '"/var/lib/log2aws.prom"',
    }
    assert switches and not switches & set(values) and keys <= switches | set(values)
    for key in sorted(keys):
        setting = f"{key} = {'true' if key in switches else values[key]}\n"
        machine.file("etc/log2aws/agent.toml").write_text(machine.here(setting))
        told = machine.run("unset LOG2AWS_LOG_DIR LOG2AWS_STATE_DIR; log2aws-agent config check")
        assert re.search(rf"^{key} = .*agent\.toml$", told, re.M), told


# From cron and a script, and back.

def old_way(machine, page):
    """Puts the manual's crontab and script where they were, and gives the line of cron."""
    crontab, script = block(page, "sh", "*/10 * * * *"), block(page, "sh", "#!/bin/bash")
    machine.file("etc/cron.d/load").write_text(machine.here(crontab))
    machine.file("usr/local/sbin/send-load").write_text(machine.here(script))
    machine.file("usr/local/sbin/send-load").chmod(0o755)
    lines = [line for line in crontab.splitlines() if line.startswith("*/10")]
    # As cron hands it to the shell.
    return lines[0].split("root", 1)[1].replace("\\%", "%")


@pytest.mark.parametrize("page", PAGES)
def test_over_to_the_agent_and_back_no_line_is_lost_or_double(machine, page):
    # Its only mark is midnight: at a mark the service would add a line to those that are counted.
    machine.file("etc/log2aws/agent.toml").write_text('interval = "24h"\n')
    cron = old_way(machine, page)
    today, before = datetime.date.today(), yesterday()
    whole = machine.whole_day("load", before)
    machine.run(cron)
    machine.run(f"{machine.file('usr/local/sbin/send-load')}")
    machine.delivered(before, whole)

    # The trial: the service beside cron, without an endpoint.
    machine.whole_day("log2aws", before, "# log2aws/1 mode=interval\n")
    machine.run("log2aws-agent sample")
    compare = block(page, "sh", "diff <(minutes")
    told = machine.run(compare).splitlines()
    assert len(told) == 2 and told[1].strip() == str(whole)
    with machine.log("log2aws", before).open("a") as log:
        log.write(f"{before} 23:59:59 twice\n{before} 23:59:59 twice\n")
    assert f"{before} 23:59" in machine.run(compare.replace(" && echo", " || echo"))

    move = block(page, "sh", "mv /etc/cron.d/load /etc/log2aws/")
    machine.run(move)
    by_cron = machine.log("load", today).read_text()
    assert machine.log("log2aws", today).read_text().startswith(by_cron)
    assert machine.log("log2aws", before).read_text() == machine.log("load", before).read_text()
    assert not machine.file("etc/cron.d/load").exists()
    machine.run("systemctl status; log2aws-agent sample")
    once = machine.log("log2aws", today).read_text()
    machine.run(move)
    assert machine.log("log2aws", today).read_text() == once, "it does nothing the second time"
    (double,) = [text for text in blocks(page, "sh") if "uniq -d" in text and "agent status" in text]
    told = machine.run(double)
    assert "at work" in told and not re.search(r"^2\d{3}-", told, re.M)

    # What the store has is cron's lines, then ours.
    machine.run(block(page, "sh", "ship --partial"))
    machine.delivered(before, whole)
    log = machine.delivered(today, len(by_cron.splitlines()) + 1)
    assert modes(log) == ["since-boot", "interval"]

    # And back.
    machine.run(block(page, "sh", "apt-get remove"))
    assert machine.file("asked").read_text() == "apt-get remove -y log2aws-agent\n"
    assert machine.file("etc/cron.d/load").is_file()
    machine.run(cron)
    script = machine.file("usr/local/sbin/send-load").read_text()
    machine.run(script.replace("date -d yesterday", "date"))
    log = machine.delivered(today, len(by_cron.splitlines()) + 2)
    assert modes(log) == ["since-boot", "interval", "since-boot"]


def modes(log):
    return [part["mode"] for part in log["modes"]]


@pytest.mark.parametrize("page", PAGES)
def test_older_logs_are_sent_from_their_folder(machine, page):
    machine.file("etc/log2aws/agent.toml").write_text(f'api = "{machine.serve.url}"\n')
    days = [datetime.date(2019, 8, 1), yesterday()]
    lines = [machine.whole_day("load", day) for day in days]
    machine.log("load", "20190802").write_text("none\n")
    told = machine.run(block(page, "sh", "--log-dir /var/log/load --since"))
    assert told.count("delivered") == len(days)
    assert all(map(machine.delivered, days, lines))


def test_a_line_of_ours_is_one_that_older_tools_take(machine):
    machine.run("log2aws-agent sample")
    (log,) = machine.file("var/log/log2aws").iterdir()
    head, line = log.read_text().splitlines()
    fields = lambda text: len(re.split(r"[ ,]+", text))
    assert head.startswith("# log2aws/1 ") and fields(head) < 30
    # date, time, up, the uptime (1 to 3 words), users (2), load average (5), vmstat (17)
    assert fields(line) in range(3 + 1 + 2 + 5 + 17, 3 + 3 + 2 + 5 + 17 + 1)
    for page in PAGES:
        head, line = block(page, "text", "# log2aws/1").splitlines()
        assert fields(head) < 30 and fields(line) == 30
        (machine.place / "2019-08-01.log").write_text(f"{head}\n{line}\n")
        machine.run(f"{binary()} convert --strict 2019-08-01.log")


# Messages.

def source():
    """The code's texts, with those that stand on several lines joined."""
    crates = [ROOT / "crates" / name / "src" for name in ("log2aws-agent", "log2aws-cli", "log2aws-core")]
    files = [file for crate in crates for file in sorted(crate.rglob("*.rs"))]
    text = "\n".join(file.read_text() for file in files)
    return re.sub(r"\\\n\s*", "", text).replace('\\"', '"')


def messages(page):
    """Of each row of the last table: the parts of its message; what is between them can be anything."""
    heading = "## When something is wrong" if page == PAGES[0] else "## うまくいかないとき"
    spans = [re.findall(r"`([^`]+)`", first) for first, *_ in rows(section(page, heading))]
    return [[part.strip() for span in row for part in span.split("…")] for row in spans]


@pytest.mark.parametrize("page", PAGES)
def test_each_message_is_one_of_the_code(page):
    code = source()
    for parts in messages(page):
        assert sum(map(len, parts)) >= 12, f"{parts} could be anything"
        for part in parts:
            assert part in code, f"{part!r} is not in the code"


@pytest.mark.parametrize("page", PAGES)
def test_the_doctors_lines_are_those_of_the_code(page):
    code, table = source(), rows(section(page, "## doctor" if page == PAGES[0] else "## doctor の診断"))
    labels = code[code.index("impl Check {") : code.index("pub enum Verdict")]
    labels = re.findall(r'Self::\w+ => "([^"]+)"', labels)
    assert [row[0].strip("`") for row in table] == labels
    for _, says, *_ in table:
        for part in says.strip("`").split("…"):
            assert part.strip() in code, f"{part!r} is not in the code"


# What an endpoint answers, and which message that makes of `ship`.
ANSWERS = {
    "it answered with a web page": (200, "<html>log in</html>"),
    "but not as log2aws does": (403, "Forbidden"),
    "refuses this machine": (403, "this address may not ask for this URL", OURS),
    "has too many requests": (429, "later", OURS),
    "to wait": (429, "later", [*OURS, ("Retry-After", "3600")]),
    "it wants the log sent to": (200, URL.replace("HERE", "http://elsewhere.example"), OURS),
    "the store": (200, URL, OURS, 507),
    "refuses the upload": (200, URL, OURS, 403),
    "says that the URL has expired": (200, URL, OURS, 403, EXPIRED),
    "a proxy in between changes": (
        200, URL, OURS, 403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
}
# Commands, and which message they make.
COMMANDS = {
    "whom to ask for URLs is missing": "log2aws-agent ship",
    "unknown key": "echo 'ap1 = 1' >> /etc/log2aws/agent.toml; log2aws-agent config check",
    "must be a path from the root": (
        "echo 'log-dir = \"logs\"' >> /etc/log2aws/agent.toml; log2aws-agent config check"),
    "the API's address must end": "log2aws-agent ship --api 'http://log2aws.example/?server=web01'",
    "the server name contains": "log2aws-agent sample --server web/01",
    "the log folder … belongs": "chown 4711 /var/log/log2aws; log2aws-agent sample",
    "the log folder … is a symbolic": (
        "ln -s log2aws /var/log/linked; log2aws-agent sample --log-dir /var/log/linked"),
    "the state folder … belongs": (
        f"mkdir -p /var/lib/log2aws-agent; chown 4711 /var/lib/log2aws-agent;"
        f" log2aws-agent ship --api {ENDPOINT}"),
    "the state folder … cannot": "log2aws-agent run --state-dir /etc/log2aws/agent.toml/state",
    "another run": "systemctl start; sleep 1; log2aws-agent run",
    "another ship": (
        f"mkdir -p /var/lib/log2aws-agent; flock /var/lib/log2aws-agent/ship.lock"
        f" log2aws-agent ship --api {ENDPOINT}"),
    "would be the log of a day": (
        "day=$(TZ=AAA-14 date +%F); touch /var/log/log2aws/$day.log;"
        f" log2aws-agent ship --api {ENDPOINT} --time-zone BBB12 --date $day"),
    "it is no time zone": "log2aws-agent sample --time-zone Asia/Tokio",
    "cannot be read (": "mkdir /etc/log2aws/agent.env; log2aws-agent ship",
    "the connection was refused": "log2aws-agent ship --max-time 1 --api http://127.0.0.1:1/",
    "the name cannot be resolved": "log2aws-agent ship --max-time 1 --api http://no-such.invalid/",
    "is not the address": f"http_proxy=socks5://10.0.0.1:1080 log2aws-agent ship --api {ENDPOINT}",
}


@pytest.mark.parametrize("begins", [*ANSWERS, *COMMANDS])
def test_a_message_is_said_where_its_cause_is(machine, begins):
    (parts,) = [parts for parts in messages(PAGES[0]) if "…".join(parts).startswith(begins.replace(" … ", "…"))]
    machine.whole_day("log2aws", yesterday())
    if begins in ANSWERS:
        url, server = answering(*ANSWERS[begins])
        told = late = "not finished in the time that was left"
        # A random wait can leave a moment that is too short for another attempt.
        while late in told:
            told = machine.run(f"log2aws-agent ship --max-time 2 --api {url}", code=None)
        server.shutdown()
    elif begins.endswith("belongs") and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    else:
        told = machine.run(COMMANDS[begins], code=None)
    assert re.search(".*".join(map(re.escape, parts)), " ".join(told.split())), told


# The service and its figures.

@pytest.mark.parametrize("page", PAGES)
def test_the_metrics_are_those_of_the_service(machine, page):
    part = section(page, "## Watching it" if page == PAGES[0] else "## 監視")
    machine.whole_day("log2aws", yesterday())
    named = {name for first, *_ in rows(part) for name in re.findall(r"`(log2aws_agent_\w+)`", first)}
    file = machine.file("var/lib/log2aws_agent.prom")
    machine.run(f"log2aws-agent ship --api {ENDPOINT}")
    machine.run(f"(echo 'api = \"{ENDPOINT}\"'; echo 'textfile = \"{file}\"') >> /etc/log2aws/agent.toml;"
                " systemctl start")
    deadline, there = time.monotonic() + PATIENCE, set()
    # The file is there from the start, with what is known then. Whether a delivery went well is
    # known after the service's own first one.
    while not named - there <= {"log2aws_agent_last_ship_success"}:
        assert time.monotonic() < deadline, named - there
        time.sleep(0.05)
        if file.is_file():
            there = set(re.findall(r"^(log2aws_agent_\w+)", file.read_text(), re.M))
    assert there <= named
    used = set(re.findall(r"log2aws_agent_\w+", block(page, "yaml", "groups:")))
    assert used and used <= named


@pytest.mark.parametrize("page", PAGES)
def test_status_says_what_the_manual_shows(machine, page):
    machine.whole_day("log2aws", yesterday())
    api = f"--api {ENDPOINT}"
    machine.run(f"echo 'api = \"{ENDPOINT}\"' >> /etc/log2aws/agent.toml")
    told = machine.run(f"systemctl start; log2aws-agent ship {api} > /dev/null; log2aws-agent sample;"
                       f" log2aws-agent status {api}")
    shape = lambda text: re.sub(r"20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d \w+", "#", text)
    shown = block(page, "text", "last delivery:").replace("web01", machine.host)
    assert shape(told) == shape(shown)
    keys = json.loads(machine.run("log2aws-agent status --json"))
    part = section(page, "## Watching it" if page == PAGES[0] else "## 監視")
    assert set(keys) - {"server"} <= set(re.findall(r"`(\w+)`", part))


# Both pages, and each command in them.

@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_ours_is_one_that_the_program_takes(page):
    commands = blocks(page, "sh") + re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text_of(page))
    ours = [line for text in commands for line in re.findall(r"log2aws-agent ((?:[a-z]|--)[^|>&;)\n]*)", text)]
    assert len(ours) > 10
    for line in ours:
        words = re.sub(r" +#.*", "", line)
        words = words.replace('"$(date +%F)"', "2019-08-01").replace("DAY", "2019-08-01").split()
        if words[0] in {"stop", "start", "reload", "restart"} or "…" in line:
            continue
        done = subprocess.run([binary(), *words, "--help"], capture_output=True, text=True)
        assert done.returncode == 0, line + done.stderr
    for text in blocks(page, "sh"):
        subprocess.run(["bash", "-n"], input=text, check=True, text=True)


def test_both_pages_say_the_same():
    def code(page):
        found = re.findall(r"```(\w+)\n(.*?)```", text_of(page), re.S)
        plain = lambda text: re.sub(r'(?m)(^|(?<= ))#.*|(?<=echo )".*?"', "", text)
        return [(kind, re.sub(r"[ \n]+", " ", plain(text))) for kind, text in found]

    english, japanese = PAGES
    assert code(english) == code(japanese)
    assert messages(english) == messages(japanese)
    for verb in VERBS:
        assert set(settings(english)[verb]) == set(settings(japanese)[verb])
    shape = lambda page: [len(hashes) for hashes in re.findall(r"^(##+) ", text_of(page), re.M)]
    assert shape(english) == shape(japanese)
    assert len(rows(text_of(english))) == len(rows(text_of(japanese)))
