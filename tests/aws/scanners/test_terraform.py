"""The example for Terraform: parsed, and held against the template. Never planned or applied."""

import re

import hcl2
from cloudformation import ROOT, load

EXAMPLE = ROOT / "deploy/examples/terraform"
TEXT = (EXAMPLE / "main.tf").read_text()
TEMPLATE = load()
# What the provider's page "Resource: aws_cloudformation_stack" lists, under "Argument Reference".
ARGUMENTS = {
    "name", "template_body", "template_url", "capabilities", "disable_rollback", "notification_arns",
    "on_failure", "parameters", "policy_body", "policy_url", "tags", "iam_role_arn", "timeout_in_minutes",
    "region",
}


def stack_block():
    (body,) = re.findall(r'resource "aws_cloudformation_stack" "log2aws" \{\n(.*?)\n\}', TEXT, re.S)
    return body


def parameters():
    (body,) = re.findall(r"parameters = \{\n(.*?)\n  \}", stack_block(), re.S)
    return re.findall(r"^    (\w+) +=", body, re.M)


def test_it_is_hcl():
    parsed = hcl2.loads(TEXT)
    names = [name.strip('"') for resource in parsed["resource"] for name in resource]
    assert names == ["aws_s3_object", "aws_cloudformation_stack", "terraform_data"]
    (stack,) = [r for r in parsed["resource"] if "aws_cloudformation_stack" in str(list(r))]
    ((_, named),) = stack.items()
    ((_, arguments),) = named.items()
    # The parser adds marks of its own with two underscores.
    assert {name for name in arguments if not name.startswith("__")} <= ARGUMENTS


def test_every_parameter_and_output_is_one_of_the_template():
    given = set(parameters())
    assert given <= set(TEMPLATE["Parameters"])
    needed = {name for name, rules in TEMPLATE["Parameters"].items() if "Default" not in rules}
    assert needed <= given
    outputs = set(re.findall(r'\.outputs\["(\w+)"\]', TEXT))
    assert outputs and outputs <= set(TEMPLATE["Outputs"])
    assert '--logical-resource-id Api ' in TEXT and "Api" in TEMPLATE["Resources"]


def test_the_template_may_be_sent_as_a_body():
    """CloudFormation API reference, CreateStack, TemplateBody: "Maximum length of 51200"."""
    (path,) = re.findall(r'template_body = file\("\$\{path.module\}/([^"]+)"\)', TEXT)
    assert len((EXAMPLE / path).read_bytes()) <= 51_200
    assert 'capabilities  = ["CAPABILITY_IAM"]' in TEXT, "the roles have names of CloudFormation's choice"
