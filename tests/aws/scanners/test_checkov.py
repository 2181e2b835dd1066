"""checkov finds in the template what the list accepts, no more and no less."""

import json
import os
import subprocess

from findings import ROOT, TEMPLATE, accepted

CHECKOV = os.environ["LOG2AWS_CHECKOV"]
QUIET = {"CHECKOV_RUN_SECRETS_SCAN_MULTILINE": "false", "HOME": "/nonexistent"}


def checkov(*arguments):
    return subprocess.run(
        [CHECKOV, "--quiet", "--compact", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        env={**os.environ, **QUIET},
    )


def found(template):
    done = checkov(
        "--framework", "cloudformation", "--skip-download", "--output", "json", "--file", template
    )
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0 and report["summary"]["resource_count"] > 30
    failed = report["results"]["failed_checks"]
    return {(one["check_id"], one["resource"].rsplit(".", 1)[1]) for one in failed}


def test_checkov_finds_what_is_accepted_and_nothing_else():
    assert found(TEMPLATE) == accepted(checkov=True)


def test_checkov_would_see_a_weaker_template(tmp_path):
    text = TEMPLATE.read_text()
    # The first of each is RawBucket's.
    for line, instead in [
        ("      VersioningConfiguration: {Status: Enabled}\n", ""),
        ("BlockPublicAcls: true", "BlockPublicAcls: false"),
    ]:
        assert line in text
        text = text.replace(line, instead, 1)
    path = tmp_path / "template.yml"
    path.write_text(text)
    new = found(path) - accepted(checkov=True)
    assert new == {("CKV_AWS_21", "RawBucket"), ("CKV_AWS_53", "RawBucket")}


def test_the_configuration_for_others_is_quiet():
    done = checkov("--config-file", "deploy/.checkov.yaml")
    assert done.returncode == 0 and "Failed checks: 0, Skipped checks: 0" in done.stdout, done
    named = {
        line.strip(" -")
        for line in (ROOT / "deploy/.checkov.yaml").read_text().splitlines()
        if line.startswith("  - CKV")
    }
    assert named == {rule for rule, _ in accepted(checkov=True)}
