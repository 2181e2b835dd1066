"""The list itself: each entry has a reason, and none stands twice."""

import re

from cloudformation import load
from findings import LIST, ROOT


def test_each_finding_has_one_reason():
    known = load()["Resources"]
    seen = []
    for entry in LIST:
        assert set(entry) == {"on", "rules", "why"} and entry["on"] and entry["rules"]
        assert set(entry["on"]) <= set(known)
        # One sentence.
        assert re.fullmatch(r".{30,240}[^.]\.", entry["why"]), entry["why"]
        assert ". " not in entry["why"]
        seen += [(rule, resource) for rule in entry["rules"] for resource in entry["on"]]
    assert len(seen) == len(set(seen))


def test_the_manuals_lead_to_the_list():
    for page in ["docs/aws.md", "docs/aws.ja.md"]:
        assert "(../deploy/accepted-findings.json)" in (ROOT / page).read_text()
