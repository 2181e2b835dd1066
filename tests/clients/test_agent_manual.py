"""The manual of the servers' side: its commands run, its names are those of the code."""

import datetime
import json
import re
import subprocess
import time

import pytest
from agent_machine import ENDPOINT
from agent_manual import (  # noqa: F401
    PAGES, block, blocks, machine, messages, rows, section, text_of, yesterday)
from conftest import PATIENCE, ROOT, binary

VERBS = ["sample", "ship", "run", "status", "doctor", "config check"]


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
        "upload-host": '["s3.example.com"]', "max-time": "600",
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


# The first five minutes, the fleet, and what is set up besides.

@pytest.mark.parametrize("page", PAGES)
def test_the_first_five_minutes_end_well(machine, page):
    (config,) = [text for text in blocks(page, "toml") if f'api = "{ENDPOINT}"' in text]
    machine.file("etc/log2aws/agent.toml").write_text(machine.here(config))
    machine.run("log2aws-agent sample; systemctl start")
    told = machine.run(block(page, "sh", "systemctl reload log2aws-agent"))
    assert "nothing is wrong" in told and "service:        at work" in told, told
    assert machine.run(block(page, "sh", "ship --partial")).count("delivered (") == 1
    (doctor,) = {text for text in blocks(page, "sh") if text.endswith("agent doctor\n") and "\n" not in text[:-1]}
    machine.run(doctor)


@pytest.mark.parametrize("page", PAGES)
def test_the_whole_fleet_is_asked(machine, page):
    machine.file("bin/ssh").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    machine.file("bin/ssh").chmod(0o755)
    (machine.place / "hosts").write_text("web01 web02\n")
    # No line was ever written there.
    told = machine.run(block(page, "sh", "for host in"))
    assert [line.split(":")[0] for line in told.splitlines()] == ["web01", "web02"], told
    machine.run("log2aws-agent sample")
    assert machine.run(block(page, "sh", "for host in")) == ""
    assert "last sample:" in (machine.place / "web02.status").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_the_file_for_node_exporter_is_set_up(machine, page):
    machine.file("bin/chgrp").write_text("#!/bin/sh\n")
    machine.file("bin/chgrp").chmod(0o755)
    folder = machine.file("var/lib/prometheus/node-exporter")
    folder.mkdir(parents=True)
    machine.file("etc/log2aws/agent.toml").write_text(machine.here(block(page, "toml", "textfile")))
    commands = block(page, "sh", "systemctl daemon-reload")
    assert "sudo chgrp log2aws /var/lib/prometheus/node-exporter\n" in commands
    assert "ReadWritePaths=/var/lib/prometheus/node-exporter" in block(page, "ini", "textfile.conf")
    machine.run("systemctl start; " + commands)
    assert folder.stat().st_mode & 0o020
    deadline = time.monotonic() + PATIENCE
    while not (folder / "log2aws_agent.prom").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("page", PAGES)
def test_a_proxy_is_set_up_both_ways(machine, page):
    machine.file("etc/log2aws/agent.toml").write_text(block(page, "toml", "no-proxy"))
    told = machine.run("log2aws-agent config check")
    assert 'proxy = "http://proxy.example.com:3128"' in told and "agent.toml" in told, told
    machine.run("systemctl start; " + block(page, "sh", "tee -a /etc/log2aws/agent.env"))
    told = machine.run("log2aws-agent config check")
    assert "agent.env: HTTPS_PROXY holds a password; it is right there" in told, told
    assert "user:password" not in told, told


# Where each block of commands is run: a word of it, and the test.
RUN = {
    "apt install ./log2aws-agent_": "tests/packages/test_manual.py::test_the_packages_are_installed",
    "tar -xzf": "tests/packages/test_manual.py::test_the_program_alone_is_installed",
    "systemctl reload log2aws-agent": "test_the_first_five_minutes_end_well",
    "ship --partial": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "*/10 * * * *": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "#!/bin/bash": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "--log-dir /var/log/load --since": "test_older_logs_are_sent_from_their_folder",
    "diff <(minutes": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "mv /etc/cron.d/load /etc/log2aws/": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "log2aws-agent doctor\n": "test_the_first_five_minutes_end_well",
    "duplicate lines": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "for host in": "test_the_whole_fleet_is_asked",
    "apt-get remove": "test_over_to_the_agent_and_back_no_line_is_lost_or_double",
    "systemctl daemon-reload": "test_the_file_for_node_exporter_is_set_up",
    "tee -a /etc/log2aws/agent.env": "test_a_proxy_is_set_up_both_ways",
}


def test_each_block_of_commands_is_run_by_a_test():
    # The pages have the same blocks: test_both_pages_say_the_same.
    found = [[word for word in RUN if word in text] for text in blocks(PAGES[0], "sh")]
    assert all(found), [text for text, words in zip(blocks(PAGES[0], "sh"), found) if not words]
    assert {word for words in found for word in words} == set(RUN)
    for test in RUN.values():
        path, _, name = test.rpartition("::")
        path = path or "tests/clients/test_agent_manual.py"
        assert f"def {name}(" in (ROOT / path).read_text(), test


# The service and its figures.

@pytest.mark.parametrize("page", PAGES)
def test_the_metrics_are_those_of_the_service(machine, page):
    part = section(page, "## Monitoring" if page == PAGES[0] else "## 監視")
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
    part = section(page, "## Monitoring" if page == PAGES[0] else "## 監視")
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
    # Every name, command and message in the text itself.
    prose = lambda page: re.sub(r"```.*?```", "", text_of(page), flags=re.S)
    spans = lambda page: {" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))}
    assert spans(english) == spans(japanese)
    for verb in VERBS:
        assert set(settings(english)[verb]) == set(settings(japanese)[verb])
    shape = lambda page: [len(hashes) for hashes in re.findall(r"^(##+) ", text_of(page), re.M)]
    assert shape(english) == shape(japanese)
    assert len(rows(text_of(english))) == len(rows(text_of(japanese)))
