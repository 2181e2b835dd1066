"""The example for the AWS CDK: the template by CfnInclude, and what cdk-nag says of it."""

import json
import os
import re
import shutil
import subprocess

import pytest
from cloudformation import Stack, load
from findings import ROOT, TEMPLATE, accepted

EXAMPLE = ROOT / "deploy/examples/cdk"
GIVEN = {
    "Env": "stage",
    "ArtifactBucket": "cf-templates-ap-northeast-1-111122223333",
    "GenerateUrlKey": "log2aws/0123.zip",
    "AnalyzeLogKey": "log2aws/4567.zip",
    "LogPutAllowHosts": "203.0.113.7, web*@198.51.100.0/24",
    "LogPutAllowNetworks": "203.0.113.7,198.51.100.0/24",
    "RawKeepDays": "400",
}


class Synthesised:
    def __init__(self, folder, app=EXAMPLE, **environment):
        self.done = subprocess.run(
            ["node", app / "app.mjs"],
            capture_output=True,
            text=True,
            timeout=300,
            cwd=folder,
            env={**os.environ, "CDK_OUTDIR": str(folder / "cdk.out"), **environment},
        )
        self.said = self.done.stdout + self.done.stderr
        out = folder / "cdk.out"
        self.template = json.loads((out / "log2aws-dev.template.json").read_text())
        report = json.loads((out / "validation-report.json").read_text())
        self.packs = {pack["pluginName"] for pack in report["pluginReports"]}
        self.found = {
            (violation["ruleName"], construct["constructPath"].rsplit("/", 1)[-1])
            for pack in report["pluginReports"]
            for violation in pack["violations"]
            for construct in violation["violatingConstructs"]
            # The CDK's own check of templates, which only warns.
            if pack["pluginName"] != "CloudFormation Validate"
        }


def without_cdks_own(template):
    """The CDK adds what its bootstrap needs: a parameter and a rule. No resource of ours."""
    template = json.loads(json.dumps(template))
    template["Parameters"].pop("BootstrapVersion")
    assert set(template.pop("Rules")) == {"CheckBootstrapVersion"}
    return template


def as_texts(value):
    """CloudFormation takes 5 and "5", true and "true", A.B and [A, B] of a GetAtt for the same."""
    if isinstance(value, dict) and isinstance(value.get("Fn::GetAtt"), str):
        return {"Fn::GetAtt": value["Fn::GetAtt"].split(".", 1)}
    if isinstance(value, dict):
        return {key: as_texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_texts(one) for one in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return Synthesised(tmp_path_factory.mktemp("plain"), LOG2AWS_ACKNOWLEDGE="no")


def flat(value, path=""):
    """(path, value) of every plain value."""
    if not isinstance(value, (dict, list)):
        yield path, value
        return
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield from flat(one, f"{path}/{key}")


def normal(template):
    """`DependsOn: [X]` is `DependsOn: X`."""
    for resource in template["Resources"].values():
        if isinstance(resource.get("DependsOn"), str):
            resource["DependsOn"] = [resource["DependsOn"]]
        if "DependsOn" in resource:
            resource["DependsOn"] = sorted(resource["DependsOn"])
    return as_texts(template)


def test_the_synthesised_template_is_ours(plain):
    ours, theirs = dict(flat(normal(load()))), dict(flat(normal(without_cdks_own(plain.template))))
    differs = [path for path in ours | theirs if ours.get(path) != theirs.get(path)]
    assert len(ours) > 500 and differs == []


def test_cdk_nag_finds_what_is_accepted_and_nothing_else(plain):
    assert plain.done.returncode != 0
    assert {"AwsSolutions", "NIST.800.53.R5", "PCI.DSS.321"} <= plain.packs
    assert plain.found == accepted(checkov=False)


def test_the_example_acknowledges_every_finding_and_writes_its_parameters_out(tmp_path):
    made = Synthesised(tmp_path, LOG2AWS_PARAMETERS=json.dumps(GIVEN))
    assert (made.done.returncode, made.found) == (0, set()), made.said
    template = without_cdks_own(made.template)
    assert not set(GIVEN) & set(template["Parameters"])
    bucket = template["Resources"]["RawBucket"]["Properties"]["BucketName"]
    assert "serverlogs-stage-" in json.dumps(bucket)


def test_a_weaker_template_is_seen(tmp_path):
    """A queue whose policy does not demand TLS."""
    deploy = tmp_path / "deploy"
    own = shutil.ignore_patterns("node_modules", "cdk.out")
    shutil.copytree(EXAMPLE, deploy / "examples/cdk", ignore=own)
    (deploy / "examples/cdk/node_modules").symlink_to(EXAMPLE / "node_modules")
    shutil.copy(ROOT / "deploy/accepted-findings.json", deploy)
    text = TEMPLATE.read_text()
    weaker = re.sub(r"  FailedEventsPolicy:\n(    .*\n)+", "", text)
    assert weaker != text
    (deploy / "template.yml").write_text(weaker)
    made = Synthesised(tmp_path, app=deploy / "examples/cdk")
    assert made.done.returncode != 0
    assert made.found == {("AwsSolutions-SQS4", "FailedEvents")}
