"""Reads the template as CloudFormation does: parameters, conditions, intrinsic functions, order.

Knows what deploy/template.yml uses and nothing more; anything else is an error, never a guess.
"""

import pathlib
import re

import botocore.session
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "deploy" / "template.yml"
NOTHING = object()


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms written out: `!Sub x` is `{"Fn::Sub": x}`."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short_form)
# A key that stands twice in a mapping would silently win over the first.
Loader.add_constructor(
    yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG,
    lambda loader, node: _unique(loader, node),
)


def _unique(loader, node):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    assert not twice, f"{node.start_mark}: {twice} stand twice"
    return {
        key: loader.construct_object(value, deep=True)
        for key, (_, value) in zip(keys, node.value)
    }


def load(text=None):
    return yaml.load(TEMPLATE.read_text() if text is None else text, Loader)


def partition(region):
    """The partition and its domain of a region, as AWS's own library for Python knows them."""
    for found in botocore.session.get_session().get_data("partitions")["partitions"]:
        if region in found["regions"] or re.fullmatch(found["regionRegex"], region):
            return found["id"], found["outputs"]["dnsSuffix"]
    raise KeyError(region)


class Refused(Exception):
    """A parameter that CloudFormation would refuse before it makes anything."""


class Stack:
    """The template with its parameters put in."""

    def __init__(self, template, parameters, account="111122223333", region="ap-northeast-1"):
        self.template = template
        self.account, self.region = account, region
        self.partition, suffix = partition(region)
        self.pseudo = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": suffix,
            "AWS::NoValue": NOTHING,
        }
        unknown = set(parameters) - set(template["Parameters"])
        if unknown:
            raise Refused(f"no such parameter: {unknown}")
        self.parameters = {
            name: self._parameter(name, rules, parameters)
            for name, rules in template["Parameters"].items()
        }
        self.resources = {
            name: self.resolve(resource)
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }
        self.outputs = self.resolve({
            name: output
            for name, output in template["Outputs"].items()
            if "Condition" not in output or self.condition(output["Condition"])
        })

    def _parameter(self, name, rules, given):
        value = given.get(name, rules.get("Default"))
        if value is None:
            raise Refused(f"{name} must have a value")
        text = str(value)
        values = [text]
        if rules["Type"] == "CommaDelimitedList":
            values = [part.strip() for part in text.split(",")]
        for one in values:
            if "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], one):
                raise Refused(f"{name}: {one!r} does not match {rules['AllowedPattern']}")
        if "AllowedValues" in rules and text not in map(str, rules["AllowedValues"]):
            raise Refused(f"{name}: {text!r} is none of {rules['AllowedValues']}")
        if not rules.get("MinLength", 0) <= len(text) <= rules.get("MaxLength", 4096):
            raise Refused(f"{name}: has {len(text)} characters")
        if rules["Type"] == "Number":
            if not re.fullmatch(r"-?\d+", text) or int(text) < rules.get("MinValue", int(text)):
                raise Refused(f"{name}: {text!r} is too small or no number")
        return values if rules["Type"] == "CommaDelimitedList" else text

    def condition(self, name):
        return self._truth(self.template["Conditions"][name])

    def _truth(self, node):
        (kind, argument), = node.items()
        if kind == "Fn::Equals":
            left, right = map(self.resolve, argument)
            return str(left) == str(right)
        if kind == "Fn::Not":
            return not self._truth(argument[0])
        raise NotImplementedError(kind)

    def resolve(self, node):
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (kind, argument), = node.items()
            if kind == "Ref":
                return self.ref(argument)
            if kind == "Fn::GetAtt":
                return self.attribute(*argument)
            if kind == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda hole: self._hole(hole[1]), argument)
            if kind == "Fn::Split":
                between, text = argument
                return self.resolve(text).split(between)
            if kind == "Fn::If":
                name, then, otherwise = argument
                return self.resolve(then if self.condition(name) else otherwise)
            if kind.startswith("Fn::"):
                raise NotImplementedError(kind)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NOTHING}

    def _hole(self, name):
        value = self.attribute(*name.split(".", 1)) if "." in name else self.ref(name)
        assert isinstance(value, str), f"${{{name}}} is not a text"
        return value

    def ref(self, name):
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        kind = self.template["Resources"][name]["Type"]
        named_by = {
            "AWS::S3::Bucket": "BucketName",
            "AWS::Lambda::Function": "FunctionName",
            "AWS::Logs::LogGroup": "LogGroupName",
            "AWS::ApiGateway::Stage": "StageName",
            "AWS::SSM::Parameter": "Name",
        }
        if kind in named_by:
            return self.property(name, named_by[kind])
        if kind == "AWS::SQS::Queue":
            queue = self.attribute(name, "QueueName")
            return f"https://sqs.{self.region}.{self.pseudo['AWS::URLSuffix']}/{self.account}/{queue}"
        if kind == "AWS::ApiGateway::DomainName":
            return self.property(name, "DomainName")
        if kind in ("AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment"):
            return f"made-up-{name.lower()}"
        raise NotImplementedError(f"!Ref of a {kind}")

    def property(self, name, key):
        return self.resolve(self.template["Resources"][name]["Properties"][key])

    def attribute(self, name, key):
        kind = self.template["Resources"][name]["Type"]
        if (kind, key) == ("AWS::Lambda::Function", "Arn"):
            return self.arn("lambda", f"function:{self.property(name, 'FunctionName')}")
        if (kind, key) == ("AWS::SQS::Queue", "Arn"):
            return self.arn("sqs", self.attribute(name, "QueueName"))
        if (kind, key) == ("AWS::SQS::Queue", "QueueName"):
            # The stack's name, the resource's, and letters of CloudFormation's choice.
            named = self.template["Resources"][name].get("Properties", {}).get("QueueName")
            return self.resolve(named) if named else f"log2aws-dev-{name}-1A2B3C4D5E6F"
        if (kind, key) == ("AWS::IAM::Role", "Arn"):
            return f"arn:{self.partition}:iam::{self.account}:role/made-up-{name}-1A2B3C4D5E6F"
        if (kind, key) == ("AWS::ApiGateway::RestApi", "RootResourceId"):
            return "made-up-root"
        if (kind, key) == ("AWS::ApiGateway::DomainName", "RegionalDomainName"):
            return f"d-madeup.execute-api.{self.region}.{self.pseudo['AWS::URLSuffix']}"
        if (kind, key) == ("AWS::S3::Bucket", "Arn"):
            return f"arn:{self.partition}:s3:::{self.property(name, 'BucketName')}"
        raise NotImplementedError(f"!GetAtt {name}.{key} of a {kind}")

    def arn(self, service, rest):
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"

    def of_type(self, kind):
        found = {name: r for name, r in self.resources.items() if r["Type"] == kind}
        assert found, f"the template has no {kind}"
        return found


def references(template):
    """Which resource waits for which, by whatever means: {name: {names}}."""
    known = set(template["Resources"])

    def names(node):
        if isinstance(node, list):
            for value in node:
                yield from names(value)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key == "Ref":
                    yield value
                elif key == "Fn::GetAtt":
                    yield value[0]
                elif key == "Fn::Sub":
                    assert isinstance(value, str), "only the short form of Fn::Sub is read here"
                    yield from (hole.split(".")[0] for hole in re.findall(r"\$\{([^}!]+)\}", value))
                elif key == "DependsOn":
                    yield from [value] if isinstance(value, str) else value
                else:
                    yield from names(value)

    return {name: set(names(r)) & known for name, r in template["Resources"].items()}


def circle(graph):
    """A list of names each of which waits for the next, and the last for the first; or None."""
    done, path = set(), []

    def walk(name):
        if name in path:
            return path[path.index(name):]
        if name in done:
            return None
        path.append(name)
        for other in sorted(graph[name]):
            found = walk(other)
            if found:
                return found
        path.pop()
        done.add(name)
        return None

    for name in sorted(graph):
        found = walk(name)
        if found:
            return found
    return None


def waits_for(graph, name):
    """Everything that is made before `name` is."""
    seen, left = set(), [name]
    while left:
        for other in graph[left.pop()] - seen:
            seen.add(other)
            left.append(other)
    return seen
