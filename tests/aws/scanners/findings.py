"""The findings that are accepted, of all scanners: (rule, resource)."""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "deploy/template.yml"
LIST = json.loads((ROOT / "deploy/accepted-findings.json").read_text())


def accepted(checkov):
    """Those of checkov, or those of cdk-nag."""
    return {
        (rule, resource)
        for entry in LIST
        for rule in entry["rules"]
        for resource in entry["on"]
        if rule.startswith("CKV_") == checkov
    }
