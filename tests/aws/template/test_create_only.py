"""What `stack plan` takes for unchangeable is what AWS's resource schemas say, as cfn-lint carries them."""

import re

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from cloudformation import ROOT, load

TEMPLATE = load()


def told():
    text = (ROOT / "crates/log2aws-stack/src/plan/replaced.rs").read_text()
    (table,) = re.findall(r"const CREATE_ONLY.*?= &\[\n(.*?)\n\];", text, re.S)
    rows = re.findall(r'\(\s*"(AWS::[A-Za-z0-9:]+)",\s*&\[(.*?)\]', table, re.S)
    return {(kind, name) for kind, names in rows for name in re.findall(r'"(\w+)"', names)}


def of_aws():
    for resource in TEMPLATE["Resources"].values():
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("ap-northeast-1", resource["Type"]).schema
        for path in schema.get("createOnlyProperties", []):
            name = path.removeprefix("/properties/")
            if name in resource["Properties"]:
                yield resource["Type"], name


def test_the_plan_knows_which_properties_cannot_be_changed_in_place():
    assert told() == set(of_aws())
