"""cfn-lint, AWS's own linter, has nothing to say of the template; and it would have."""

import pathlib
import subprocess
import sys

import pytest
from cloudformation import TEMPLATE, circle, load, references

CFN_LINT = pathlib.Path(sys.executable).parent / "cfn-lint"

# Each closes a circle that is easily closed: a name read from the resource instead of written out.
CIRCLES = {
    "the role names the bucket itself": (
        "!Sub arn:${AWS::Partition}:s3:::serverlogs-${Env}-${AWS::AccountId}-${AWS::Region}/*/????-??-??.log",
        '!Sub "${RawBucket.Arn}/*/????-??-??.log"',
        "# The function asks for a log's newest version",
    ),
    "the permission names the bucket itself": (
        "SourceArn: !Sub arn:${AWS::Partition}:s3:::serverlogs-${Env}-${AWS::AccountId}-${AWS::Region}",
        "SourceArn: !GetAtt RawBucket.Arn",
        "  AnalyzeLogPermission:",
    ),
    "the function names the bucket itself": (
        "LOG2AWS_ENV: !Ref Env",
        "LOG2AWS_ENV: !Ref RawBucket",
        "  AnalyzeLog:\n",
    ),
}


def lint(path):
    """(exit code, what it says). Errors and warnings; nothing is ignored."""
    done = subprocess.run(
        [CFN_LINT, "--format", "parseable", "--", path], capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


def test_the_template_is_clean():
    assert lint(TEMPLATE) == (0, "")
    assert "cfn-lint" not in TEMPLATE.read_text(), "the template tells the linter to look away"


@pytest.mark.parametrize("name", CIRCLES)
def test_a_circle_is_seen(tmp_path, name):
    old, new, after = CIRCLES[name]
    text = TEMPLATE.read_text()
    head, mark, tail = text.partition(after)
    assert mark and old in tail, f"{name}: the template has changed; change this test"
    text = head + mark + tail.replace(old, new, 1)
    path = tmp_path / "template.yml"
    path.write_text(text)
    code, said = lint(path)
    assert code != 0 and "E3004" in said, said
    assert circle(references(load(text)))


def test_a_warning_is_seen(tmp_path):
    path = tmp_path / "template.yml"
    path.write_text(TEMPLATE.read_text().replace("    UpdateReplacePolicy: Retain\n", "", 1))
    code, said = lint(path)
    assert code != 0 and "W3011" in said, said
