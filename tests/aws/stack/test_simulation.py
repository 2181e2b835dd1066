"""`stack check` has IAM simulate what the roles may do."""

import copy
import importlib.util
import json
import pathlib
import sys

import pytest
from cloud import denied
from conftest import GIVEN, STACK, says
from runs import reader

TESTS = pathlib.Path(__file__).resolve().parents[1] / "template"
KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/1234abcd"
ROLES = ("GenerateUrlRole", "AnalyzeLogRole")


@pytest.fixture
def stack(cloud):
    """A stack with everything that gives roles statements."""
    cloud.buckets.make(cloud.artifact_bucket())
    return cloud.stacks.standing(STACK, {**GIVEN, "KmsKeyArn": KEY, "RolePath": "/service/"})


@pytest.fixture
def simulated(cloud, stack, program):
    """Runs a check whose delivery is refused: {subject: (outcome, detail)} of the roles."""
    cloud.door.allowed = False
    stack.outputs["GenerateSignedUrl"]["Value"] = cloud.door.url()

    def run():
        cloud.simulation.asked.clear()
        told = program("check", "--json")
        found = {f["subject"]: (f["outcome"], f["detail"]) for f in json.loads(told.out)["findings"]}
        return {s: f for s, f in found.items() if "Role" in s and s not in ROLES}, told

    return run


def role(cloud, stack, name):
    return cloud.actual["AWS::IAM::Role", stack.resources[name]]


def statements(cloud, stack, name):
    (policy,) = role(cloud, stack, name)["Policies"]
    return policy["PolicyDocument"]["Statement"]


def test_each_statement_of_both_roles_is_simulated(cloud, stack, simulated):
    found, told = simulated()
    assert told.code == 0, told
    for name in ROLES:
        for statement in statements(cloud, stack, name):
            outcome, detail = found[f"{name} {statement['Sid']}"]
            assert outcome == "simulated", detail
            assert detail.startswith("allowed: " if statement["Effect"] == "Allow" else "denied: ")
    assert {outcome for outcome, _ in found.values()} == {"simulated"}


@pytest.mark.parametrize("name", ROLES)
def test_a_statement_that_is_removed_is_wrong(cloud, stack, simulated, name):
    """Each of them: an Allow is missed, and what a Deny stopped goes through."""
    policy = statements(cloud, stack, name)
    whole = copy.deepcopy(policy)
    for statement in whole:
        policy[:] = [other for other in whole if other != statement]
        found, told = simulated()
        outcome, detail = found[f"{name} {statement['Sid']}"]
        assert (told.code, outcome) == (1, "wrong"), (statement, detail)
        said = "the function needs it" if statement["Effect"] == "Allow" else "must be denied"
        assert said in detail
        wrong = {s for s, (outcome, _) in found.items() if outcome == "wrong"}
        assert wrong == {f"{name} {statement['Sid']}"}, "and nothing else is blamed"


@pytest.mark.parametrize("name", ROLES)
def test_a_policy_that_is_attached_beside_is_wrong(cloud, stack, simulated, name):
    """CloudFormation does not compare what its template does not name (API reference,
    StackResourceDrift); the simulation has all policies of a role."""
    everything = {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [everything]}
    cloud.simulation.attached[stack.resources[name]] = [document]
    found, told = simulated()
    assert told.code == 1
    for subject, (outcome, detail) in found.items():
        if subject.startswith(f"{name}:"):
            assert outcome == "wrong" and "must be denied" in detail, (subject, detail)
        else:
            assert outcome == "simulated", (subject, detail)


def calls():
    """The table of calls that the tests of the template hold."""
    sys.path.insert(0, str(TESTS))
    try:
        spec = importlib.util.spec_from_file_location("table_of_calls", TESTS / "calls.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(TESTS))
    return module


def test_what_is_denied_is_what_the_tests_of_the_template_forbid(simulated):
    """Whatever is asked for and must be denied is of a kind that calls.py forbids to that role."""
    module = calls()
    world = module.World(kms=True, address=True, prefix=False)
    made = reader.Stack(reader.load(), world.parameters())
    table = module.Table(made, world)
    roles = {"GenerateUrlRole": table.url_role, "AnalyzeLogRole": table.analyze_role}
    forbidden = {
        name: {call.action for call in table.forbidden() if call.principal == arn}
        for name, arn in roles.items()
    }
    # The rights of the role itself, and of the other version of an object, are in no table.
    beside = {"iam:PutRolePolicy", "iam:AttachRolePolicy", "s3:GetObjectVersion"}
    beside |= {"lambda:InvokeFunction"}
    found, _ = simulated()
    for subject, (_, detail) in found.items():
        name, is_not, _ = subject.partition(":")
        if is_not:
            actions = set(detail.removeprefix("denied: ").split(", "))
            assert actions <= forbidden[name] | beside, subject


def test_who_may_not_simulate_gets_one_row(cloud, stack, simulated, program):
    arn = "arn:aws:iam::111122223333:role/service/x"
    cloud.fault("SimulatePrincipalPolicy", denied("iam:SimulatePrincipalPolicy", arn), times=9)
    told = program("check", "--json")
    assert told.code == 0, told
    rows = [f for f in json.loads(told.out)["findings"] if "permissions" in f["subject"]]
    assert len(rows) == 1 and rows[0]["outcome"] == "unproved", rows
    assert "iam:SimulatePrincipalPolicy" in rows[0]["detail"]
    assert len(cloud.of("SimulatePrincipalPolicy")) == 1


def test_a_boundary_that_does_not_allow_it_is_named(cloud, simulated):
    cloud.simulation.boundary = {"sqs:SendMessage"}
    found, told = simulated()
    outcome, detail = found["AnalyzeLogRole KeepFailedEvents"]
    assert outcome == "wrong" and "by the permissions boundary" in detail, detail


def test_a_policy_of_the_organization_that_asks_for_what_is_not_known_is_unproved(cloud, simulated):
    """Its condition key has no value in a simulation, and has one in the call."""
    only = {"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}
    only["Condition"] = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}
    cloud.simulation.organization = {"Version": "2012-10-17", "Statement": [only]}
    found, told = simulated()
    outcome, detail = found["GenerateUrlRole ReadSettings"]
    assert outcome == "unproved" and "aws:SourceVpc" in detail, detail
    assert "by a policy of the organization" in detail
    assert found["GenerateUrlRole: reads no log"][0] == "simulated"


def test_a_policy_of_the_organization_for_regions_is_evaluated(cloud, simulated):
    here = {"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}
    here["Condition"] = {"StringEquals": {"aws:RequestedRegion": cloud.region}}
    cloud.simulation.organization = {"Version": "2012-10-17", "Statement": [here]}
    found, told = simulated()
    assert {outcome for outcome, _ in found.values()} == {"simulated"}, found


def test_an_answer_in_pages_is_read_to_its_end(cloud, simulated):
    cloud.simulation.page = 1
    found, told = simulated()
    assert {outcome for outcome, _ in found.values()} == {"simulated"}, found


def test_a_role_that_was_deleted_is_not_simulated(cloud, stack, simulated, program):
    del cloud.actual["AWS::IAM::Role", stack.resources["AnalyzeLogRole"]]
    told = program("check", "--json")
    rows = {(f["subject"], f["outcome"]) for f in json.loads(told.out)["findings"]}
    assert ("AnalyzeLogRole", "wrong") in rows and ("AnalyzeLogRole", "unproved") in rows
    assert ("GenerateUrlRole SignPuts", "simulated") in rows


@pytest.mark.parametrize("cloud", ["cn-northwest-1"], indirect=True)
def test_requests_are_signed_for_the_region_of_iam(cloud, program):
    """The stand-in complains about any other one."""
    cloud.buckets.make(cloud.artifact_bucket())
    cloud.stacks.standing(STACK, GIVEN)
    says(program("check"), "simulated +GenerateUrlRole SignPuts")


def test_drift_only_simulates_nothing(cloud, stack, program):
    program("check", "--drift-only")
    assert not cloud.of("SimulatePrincipalPolicy")
