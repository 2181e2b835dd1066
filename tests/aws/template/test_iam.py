"""The evaluator itself, against what the IAM User Guide says of elements and operators."""

import iam
import pytest
from iam import Call, Statement

ROLE = {"AWS": "arn:aws:iam::111122223333:role/r"}


def allow(**changes):
    return statement("Allow", **changes)


def statement(effect, **changes):
    given = {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/*"], "conditions": {}}
    return Statement(effect, effect, **(given | {"role": ROLE["AWS"]} | changes))


def call(action="s3:GetObject", resource="arn:aws:s3:::b/a/k", principal=None, **context):
    return Call("", "", principal or ROLE, action, resource, context)


def test_what_nobody_allows_is_denied():
    assert not iam.allowed([], call())
    assert iam.allowed([allow()], call())


def test_a_deny_wins_over_any_allow():
    deny = statement("Deny", role=None, principal="*")
    assert not iam.allowed([allow(), deny], call())
    assert not iam.allowed([deny, allow()], call())
    operator = Call("", "", {"AWS": "o"}, "s3:GetObject", "arn:aws:s3:::b/k", {}, by_rights=True)
    assert iam.allowed([], operator) and not iam.allowed([deny], operator)


@pytest.mark.parametrize(
    "pattern, text, matches",
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b/c", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b", "arn:aws:s3:::bb", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("[a]", "a", False),
    ],
)
def test_wildcards_of_resources(pattern, text, matches):
    assert iam.allowed([allow(resources=[pattern])], call(resource=text)) is matches


def test_actions_know_no_case_and_resources_do():
    assert iam.allowed([allow(actions=["S3:getobject"])], call())
    assert iam.allowed([allow(actions=["s3:Get*"])], call())
    assert not iam.allowed([allow(actions=["s3:Get"])], call())
    assert not iam.allowed([allow(resources=["arn:aws:s3:::B/*"])], call())


@pytest.mark.parametrize(
    "operator, wanted, have, holds",
    [
        ("Bool", "false", "false", True),
        ("Bool", "false", "true", False),
        ("Bool", "false", None, False),
        ("StringEquals", "x", "x", True),
        ("StringEquals", "x", "X", False),
        ("StringEquals", "x", None, False),
        ("StringEquals", ["x", "y"], "y", True),
        ("StringNotEquals", "x", "y", True),
        ("StringNotEquals", "x", "x", False),
        ("StringNotEquals", "x", None, True),
        ("StringNotEquals", ["x", "y"], "y", False),
        ("StringLike", "x*/z", "xy/y/z", True),
        ("StringLike", "x*", "yx", False),
        ("StringNotLike", ["x*", "y"], "yx", True),
        ("StringNotLike", ["x*", "y"], "xy", False),
        ("StringNotLike", "x*", None, True),
        ("NumericGreaterThan", "300000", "300000", False),
        ("NumericGreaterThan", "300000", "300001", True),
        ("NumericGreaterThan", "300000", "1000000", True),
        ("NumericGreaterThan", "300000", None, False),
        ("NotIpAddress", ["10.0.0.0/8", "203.0.113.7"], "10.9.9.9", False),
        ("NotIpAddress", ["10.0.0.0/8", "203.0.113.7"], "203.0.113.7", False),
        ("NotIpAddress", ["10.0.0.0/8", "203.0.113.7"], "203.0.113.8", True),
        ("NotIpAddress", ["10.0.0.0/8"], "2001:db8::1", True),
        ("NotIpAddress", ["2001:db8::/32"], "2001:db8::1", False),
        ("NotIpAddress", ["10.0.0.0/8"], None, True),
    ],
)
def test_condition_operators(operator, wanted, have, holds):
    """User Guide: if the key is absent, operators are false and negated operators true."""
    context = {} if have is None else {"K:ey": have}
    conditional = allow(conditions={operator: {"k:EY": wanted}})
    assert iam.allowed([conditional], call(**context)) is holds


def test_every_condition_of_a_statement_must_hold():
    both = allow(conditions={"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}})
    context = {"a": "1", "b": "2", "c": "true"}
    assert iam.allowed([both], call(**context))
    for key in context:
        assert not iam.allowed([both], call(**(context | {key: "other"}))), key


def test_an_unknown_operator_is_an_error():
    with pytest.raises(KeyError):
        iam.allowed([allow(conditions={"DateLessThan": {"a": "1"}})], call(a="1"))


def test_principals_are_whole_names_of_one_kind():
    service = allow(role=None, principal={"Service": "s3.amazonaws.com"})
    assert iam.allowed([service], call(principal={"Service": "s3.amazonaws.com"}))
    assert not iam.allowed([service], call(principal={"Service": "s3.amazonaws.co"}))
    assert not iam.allowed([service], call(principal={"AWS": "s3.amazonaws.com"}))
    assert not iam.allowed([allow()], call(principal={"AWS": ROLE["AWS"] + "2"}))
