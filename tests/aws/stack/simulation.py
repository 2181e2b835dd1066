"""IAM's SimulatePrincipalPolicy, answered from the roles as they are.

Shapes after `botocore/data/iam/2010-05-08/service-2.json`, which is also where the rules stand: each
action on each resource, `ResourceSpecificResults` for a list of resources, and no policies of
resources for roles. The decisions are those of tests/aws/template/iam.py.
"""

import importlib.util
import pathlib

import wire
from wire import Refusal

ENGINE = pathlib.Path(__file__).resolve().parents[1] / "template" / "iam.py"


def _load():
    spec = importlib.util.spec_from_file_location("policy_engine", ENGINE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


iam = _load()


class Simulation:
    """`page`: decisions in an answer. `attached`: documents of managed policies by role.
    `organization`: the document of a service control policy. `boundary`: actions that the
    permissions boundary of all roles does not allow."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.page = 100
        self.attached, self.organization, self.boundary = {}, None, set()
        self.asked = []

    def answer(self, call):
        if call.action != "SimulatePrincipalPolicy":
            raise Refusal("InvalidAction", f"{call.action} is not played here")
        fields = call.fields
        arn = fields["PolicySourceArn"]
        path, _, name = arn.partition(":role/")[2].rpartition("/")
        role = self.cloud.actual.get(("AWS::IAM::Role", name))
        where = f"/{path}/" if path else "/"
        if role is None or role.get("Path", "/") != where:
            raise Refusal("NoSuchEntity", f"Role with arn {arn} could not be found.", 404)
        policy = iam.of_role(arn, role)
        policy += [
            s for doc in self.attached.get(name, []) for s in iam._document(arn, doc, role=arn)
        ]
        context = {
            entry["ContextKeyName"]: entry["ContextKeyValues"][0]
            for entry in fields.get("ContextEntries", [])
        }
        resources, results = fields["ResourceArns"], []
        for action in fields["ActionNames"]:
            self.asked += [(name, action, resource) for resource in resources]
            each = [self._one(policy, arn, action, resource, context) for resource in resources]
            worst = next((r for r in each if r["EvalResourceDecision"] != "allowed"), each[0])
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": "arn:${Partition}:service:::${Template}",
                    "EvalDecision": worst["EvalResourceDecision"],
                    "MatchedStatements": [],
                    "MissingContextValues": [],
                    "OrganizationsDecisionDetail": self._organization(action, context),
                    "ResourceSpecificResults": each,
                }
            )
        start = int(fields.get("Marker", 0))
        more = start + self.page < len(results)
        result = {
            "EvaluationResults": results[start : start + self.page],
            "IsTruncated": more,
            "Marker": str(start + self.page) if more else None,
        }
        return wire.query_answer(call.action, result, wire.IAM)

    def _one(self, policy, arn, action, resource, context):
        caller = {"AWS": arn}
        decision = iam.decision(policy, iam.Call("", "", caller, action, resource, context))
        above = list(iam._document("scp", self.organization, role=arn)) if self.organization else []
        if decision == "allowed" and above:
            decision = iam.decision(above, iam.Call("", "", caller, action, resource, context))
        bounded = action not in self.boundary
        if decision == "allowed" and not bounded:
            decision = "implicitDeny"
        missing = sorted(key for key in iam.keys(policy + above) if key not in context)
        detail = {"AllowedByPermissionsBoundary": bounded} if self.boundary else None
        return {
            "EvalResourceName": resource,
            "EvalResourceDecision": decision,
            "MatchedStatements": [],
            "MissingContextValues": missing,
            "PermissionsBoundaryDecisionDetail": detail,
        }

    def _organization(self, action, context):
        if not self.organization:
            return None
        policy = list(iam._document("scp", self.organization, role="any"))
        call = iam.Call("", "", {"AWS": "any"}, action, "*", context)
        return {"AllowedByOrganizations": iam.allowed(policy, call)}
