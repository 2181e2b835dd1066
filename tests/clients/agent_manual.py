"""Reads the manual of the servers' side: its blocks, sections and tables."""

import datetime
import re

import pytest
from agent_machine import Machine
from conftest import ROOT, needs

PAGES = ["docs/agent.md", "docs/agent.ja.md"]


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


def messages(page):
    """Of each row of the last table: the parts of its message; what is between them can be anything."""
    heading = "## Troubleshooting" if page == PAGES[0] else "## うまくいかないとき"
    spans = [re.findall(r"`([^`]+)`", first) for first, *_ in rows(section(page, heading))]
    return [[part.strip() for span in row for part in span.split("…")] for row in spans]
