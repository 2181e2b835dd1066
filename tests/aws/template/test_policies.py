"""Every statement of the template against the calls that need it and those that it has to stop.

Not a word of a policy is there for nothing: whatever is taken away, a needed call fails or a
forbidden one goes through; whatever is widened, a forbidden one goes through. So the tables in
calls.py are as long as the policies need, and the policies as wide as the tables need.
"""

import copy

import calls
import iam
import pytest
from cloudformation import ROOT, Stack, load

TEMPLATE = load()
ALL = [pytest.param(world, id=str(world)) for world in calls.WORLDS]


class Case:
    def __init__(self, world):
        self.stack = Stack(TEMPLATE, world.parameters())
        self.policy = iam.statements(self.stack)
        table = calls.Table(self.stack, world)
        self.needed, self.forbidden = list(table.needed()), list(table.forbidden())

    def stopped(self, policy):
        return [call.name for call in self.needed if not iam.allowed(policy, call)]

    def let_through(self, policy):
        return [call.name for call in self.forbidden if iam.allowed(policy, call)]

    def of_effect(self, effect):
        found = [statement for statement in self.policy if statement.effect == effect]
        assert found, f"no statement has the effect {effect}"
        return found


@pytest.fixture(params=ALL, scope="module")
def case(request):
    return Case(request.param)


def test_every_needed_call_goes_through(case):
    assert case.stopped(case.policy) == []


def test_no_forbidden_call_goes_through(case):
    assert case.let_through(case.policy) == []


def test_without_any_allow_a_needed_call_fails(case):
    idle = [s.name for s in case.of_effect("Allow") if not case.stopped(iam.without(case.policy, s))]
    assert idle == []


def test_without_any_deny_a_forbidden_call_goes_through(case):
    idle = [s.name for s in case.of_effect("Deny") if not case.let_through(iam.without(case.policy, s))]
    assert idle == []


@pytest.mark.parametrize("element", ["actions", "resources"])
def test_each_action_and_resource_is_needed(case, element):
    idle = []
    for statement in case.policy:
        for one in getattr(statement, element):
            fewer = [other for other in getattr(statement, element) if other != one]
            policy = iam.with_change(case.policy, statement, **{element: fewer})
            if not (case.stopped(policy) or case.let_through(policy)):
                idle.append((statement.name, one))
    assert idle == []


def test_each_condition_is_needed(case):
    idle, tried = [], 0
    for statement in case.policy:
        for operator, keys in statement.conditions.items():
            for key in keys:
                tried += 1
                conditions = copy.deepcopy(statement.conditions)
                del conditions[operator][key]
                policy = iam.with_change(case.policy, statement, conditions=conditions)
                # Without a condition a statement matches more: an Allow lets more through, a Deny
                # stops more.
                allow = statement.effect == "Allow"
                if not (case.let_through(policy) if allow else case.stopped(policy)):
                    idle.append((statement.name, operator, key))
    assert tried and idle == []


def test_no_allow_can_be_wider(case):
    harmless = []
    for statement in case.of_effect("Allow"):
        wider = {"actions": [action.split(":")[0] + ":*" for action in statement.actions]}
        if not statement.attached:
            wider["resources"] = ["*"]
        if statement.role is None and statement.principal != "*":
            wider["principal"] = "*"
        for element, value in wider.items():
            if not case.let_through(iam.with_change(case.policy, statement, **{element: value})):
                harmless.append((statement.name, element))
    assert harmless == []


def test_no_deny_can_be_for_more_people(case):
    """What is denied to generate-url alone, operators need."""
    # A role's own statement names nobody.
    named = [s for s in case.of_effect("Deny") if s.principal not in ("*", None)]
    wider = {s.name: case.stopped(iam.with_change(case.policy, s, principal="*")) for s in named}
    assert wider and all(wider.values()), wider


def test_every_call_says_who_makes_it(case):
    """A place in this repository is there; anything else names one of the documents."""
    for call in case.needed:
        for source in call.source.split("; "):
            if "/" in source.split(",")[0]:
                assert (ROOT / source.split(",")[0]).is_file(), source
            else:
                documents = ("LDG, ", "S3UG, ", "S3API, ", "AGDG, ", "KMSDG, ", "SQSDG, ", "OPS, ")
                assert source.startswith(documents), source
    names = [call.name for call in case.needed + case.forbidden]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
