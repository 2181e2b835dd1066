"""Evaluates IAM, bucket, trust and function policies by the rules of the IAM User Guide.

"Policy evaluation logic": a Deny that matches wins; else, within one account, one Allow that
matches is enough, whether it stands in the caller's policy or in the resource's; else it is denied.
"IAM JSON policy elements: Condition operators": every operator and every key of a statement must
hold; a key that the request lacks makes an operator false, and a negated one true.

Knows the elements and operators that the template uses. Anything else is an error, never a guess.
"""

import copy
import dataclasses
import ipaddress
import re


@dataclasses.dataclass
class Statement:
    """One statement, and whose it is: `role` has it in its policy; else it is a resource's.

    `attached`: it stands on the one resource that it speaks of, and can speak of no other.
    """

    name: str
    effect: str
    actions: list
    resources: list
    conditions: dict
    role: str | None = None
    principal: object = None
    attached: bool = False


@dataclasses.dataclass(frozen=True)
class Call:
    """One request as AWS sees it.

    `source` is who makes it: a path of this repository, or the AWS document that says so.
    `by_rights` are those of a caller whom the template does not know: an operator may do anything
    that nobody denies, a stranger nothing that nobody allows.
    """

    name: str
    source: str
    principal: dict
    action: str
    resource: str
    context: dict
    by_rights: bool = False


def statements(stack):
    """Every statement of a stack, in the order of the template."""
    found = []
    for name, resource in stack.resources.items():
        kind, properties = resource["Type"], resource["Properties"]
        if kind == "AWS::IAM::Role":
            arn = stack.attribute(name, "Arn")
            known = {"AssumeRolePolicyDocument", "Policies"}
            assert set(properties) == known, f"{name}: only inline policies are read here"
            trust = properties["AssumeRolePolicyDocument"]
            found += _document(f"{name}.trust", trust, resources=[arn])
            for policy in properties["Policies"]:
                found += _document(name, policy["PolicyDocument"], role=arn)
        elif kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
            found += _document(name, properties["PolicyDocument"])
        elif kind == "AWS::ApiGateway::RestApi":
            found += _api(name, stack, properties["Policy"])
        elif kind == "AWS::Lambda::Permission":
            found.append(_permission(name, stack, properties))
        else:
            assert not kind.startswith("AWS::IAM::") and not kind.endswith("Policy"), kind
    return found


def _list(value):
    return value if isinstance(value, list) else [value]


def _document(owner, document, resources=None, role=None):
    assert document["Version"] == "2012-10-17"
    for raw in document["Statement"]:
        known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
        assert set(raw) <= known, f"{owner}: {set(raw) - known}"
        assert ("Principal" in raw) == (role is None), f"{owner}: {raw['Sid']}"
        yield Statement(
            name=f"{owner}/{raw['Sid']}",
            effect=raw["Effect"],
            actions=list(_list(raw["Action"])),
            resources=list(resources or _list(raw["Resource"])),
            conditions=copy.deepcopy(raw.get("Condition", {})),
            role=role,
            principal=raw.get("Principal"),
            attached=resources is not None,
        )


def _api(name, stack, document):
    """AGDG, resource policy examples: `execute-api:/x` is short for `arn:…:this-api/x`."""
    for statement in _document(name, document):
        for resource in statement.resources:
            assert resource.startswith("execute-api:/"), resource
        api = stack.arn("execute-api", stack.ref(name))
        long = [resource.replace("execute-api:", api, 1) for resource in statement.resources]
        yield dataclasses.replace(statement, resources=long, attached=True)


def _permission(name, stack, properties):
    """AddPermission of the Lambda API reference: SourceArn is compared with StringLike."""
    known = {"Action", "FunctionName", "Principal", "SourceArn", "SourceAccount"}
    assert set(properties) <= known, f"{name}: {set(properties) - known}"
    conditions = {"StringLike": {"aws:SourceArn": properties["SourceArn"]}}
    if "SourceAccount" in properties:
        conditions["StringEquals"] = {"aws:SourceAccount": properties["SourceAccount"]}
    return Statement(
        name=name,
        effect="Allow",
        actions=[properties["Action"]],
        resources=[stack.arn("lambda", f"function:{properties['FunctionName']}")],
        conditions=conditions,
        principal={"Service": properties["Principal"]},
        attached=True,
    )


def allowed(policy, call):
    """Whether AWS would let this call through."""
    return decision(policy, call) == "allowed"


def decision(policy, call):
    """`allowed`, `explicitDeny` or `implicitDeny`, as IAM's simulation names them."""
    matching = [statement for statement in policy if _matches(statement, call)]
    if any(statement.effect == "Deny" for statement in matching):
        return "explicitDeny"
    if call.by_rights or any(statement.effect == "Allow" for statement in matching):
        return "allowed"
    return "implicitDeny"


def of_role(arn, properties):
    """The statements of a role's inline policies, already filled in."""
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    return [one for document in documents for one in _document(arn, document, role=arn)]


def keys(policy):
    """The condition keys that a policy asks for."""
    return {key for s in policy for conditions in s.conditions.values() for key in conditions}


def _matches(statement, call):
    return (
        _principal(statement, call.principal)
        and any(_wild(action.lower(), call.action.lower()) for action in statement.actions)
        and any(_wild(resource, call.resource) for resource in statement.resources)
        and all(
            _holds(operator, key, wanted, call.context)
            for operator, keys in statement.conditions.items()
            for key, wanted in keys.items()
        )
    )


def _principal(statement, caller):
    if statement.role is not None:
        return caller == {"AWS": statement.role}
    if statement.principal == "*":
        return True
    (kind, names), = statement.principal.items()
    return kind in caller and caller[kind] in _list(names)


def _wild(pattern, text):
    """`*` is any run of characters, slashes too; `?` is one."""
    regex = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _in_network(address, network):
    address, network = ipaddress.ip_address(address), ipaddress.ip_network(network)
    return address.version == network.version and address in network


OPERATORS = {
    "Bool": lambda have, want: have.lower() == want.lower(),
    "StringEquals": lambda have, want: have == want,
    "StringNotEquals": lambda have, want: have == want,
    "NumericGreaterThan": lambda have, want: float(have) > float(want),
    "NotIpAddress": _in_network,
    "StringLike": lambda have, want: _wild(want, have),
    "StringNotLike": lambda have, want: _wild(want, have),
}
NEGATED = {"StringNotEquals", "NotIpAddress", "StringNotLike"}


def _holds(operator, key, wanted, context):
    have = {name.lower(): value for name, value in context.items()}.get(key.lower())
    negated = operator in NEGATED
    if have is None:
        return negated
    return any(OPERATORS[operator](have, want) for want in _list(wanted)) != negated


def without(policy, statement):
    return [other for other in policy if other is not statement]


def with_change(policy, statement, **change):
    """The policy with one statement changed."""
    changed = dataclasses.replace(statement, **change)
    return [changed if other is statement else other for other in policy]
