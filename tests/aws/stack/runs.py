"""The stacks of an account: what stands, what differs, and runs that move on poll by poll.

What a change set holds is worked out from the two templates and parameters by the reader of
tests/aws/template. What happens when it is executed is a run (events.py): one batch of events at
each poll, so that a test is a scenario and not a matter of time.
"""

import datetime
import functools
import importlib.util
import pathlib
import threading
import uuid

import cfnlint.schema.manager
import events
from wire import Refusal

# All regions have the same schemas of what is used here.
REGION = "us-east-1"
TEMPLATES = pathlib.Path(__file__).resolve().parents[1] / "template" / "cloudformation.py"


def _load():
    spec = importlib.util.spec_from_file_location("template_reader", TEMPLATES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reader = _load()


@functools.lru_cache
def parsed(body):
    return reader.load(body)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


@functools.lru_cache
def fixed(kind):
    """The properties of a type that only a new resource can have, as paths: `createOnlyProperties` of
    CloudFormation's own schema of it, which cfn-lint carries."""
    schema = cfnlint.schema.manager.PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    paths = schema.get("createOnlyProperties", [])
    return [path.removeprefix("/properties/").split("/") for path in paths]


def is_made_anew(kind, before, after):
    def value(resource, path):
        found = resource.get("Properties", {})
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return any(value(before, path) != value(after, path) for path in fixed(kind))


# The property that names a resource, and is its physical id.
NAMES = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SSM::Parameter": "Name",
}


class Scenario:
    """How the next run of a stack goes.

    `fails`: {logical id: reason}. `holds_after`: so many batches come, the rest once `gate` is set.
    `pending`: how many polls a change set is in the making. `silent`: polls without news in front.
    `replaces`: what a change set says is replaced.
    `moves_on`: which action lets the run go on; None: it is over at once.
    `stale`: so many answers of DescribeStacks after a run has begun tell of the stack as it was.
    `invalid`: {logical id: reason} of what the early validation of a change set finds.
    `unchecked`: whose drift cannot be told.
    """

    def __init__(
        self,
        fails=None,
        holds_after=None,
        pending=1,
        silent=0,
        moves_on="DescribeStackEvents",
        change_set_fails=None,
        cannot_roll_back=None,
        replaces=(),
        stale=0,
        invalid=None,
        unchecked=(),
    ):
        self.fails, self.holds_after = fails, holds_after
        self.pending, self.silent, self.moves_on = pending, silent, moves_on
        self.change_set_fails, self.cannot_roll_back = change_set_fails, cannot_roll_back
        self.replaces, self.stale, self.invalid = replaces, stale, invalid
        self.unchecked = unchecked
        self.gate = threading.Event()


class Stack:
    def __init__(self, name, arn, made):
        self.name, self.id, self.made = name, arn, made
        self.status, self.reason = "REVIEW_IN_PROGRESS", None
        self.template, self.body, self.parameters = None, "", {}
        self.outputs, self.resources = {}, {}
        self.events, self.batches, self.came = [], [], 0
        self.token, self.pending_template = None, None
        self.stale = []
        self.tags, self.topics, self.role, self.protected = [], [], None, False


class ChangeSet:
    def __init__(self, arn, name, stack, kind, body, new, changes, fields, polls):
        self.id, self.name, self.stack, self.kind = arn, name, stack, kind
        self.body, self.new, self.changes, self.fields = body, new, changes, fields
        self.polls, self.reason, self.executed, self.made = polls, None, False, now()
        self.invalid, self.obsolete = {}, False
        self.reverts = fields.get("DeploymentMode") == "REVERT_DRIFT"


class Runs:
    """`cloud` has the account, the region, and what runs make and remove."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.all, self.sets = [], []
        self.scenario = Scenario()

    def stack(self, name):
        """The stack of that name that is not deleted."""
        found = [s for s in self.all if s.name == name and s.status != "DELETE_COMPLETE"]
        return found[0] if found else None

    def standing(self, name, parameters, status="CREATE_COMPLETE", body=None):
        """A stack that an earlier run has left behind, with its events and what it made."""
        stack = self._new(name)
        self.all.append(stack)
        body = body or reader.TEMPLATE.read_text()
        new = self._evaluated(body, parameters)
        changes = self._changes(None, new, False, False)
        change_set = ChangeSet("", "earlier", stack, "CREATE", body, new, changes, {}, 0)
        stack.batches, stack.pending_template = self._run(change_set, Scenario()), change_set
        while stack.batches:
            self._move_on(stack)
        if status != "CREATE_COMPLETE":
            self._tell(stack, events.STACK, status, "made so for a test")
        return stack

    def _arn(self, kind, name):
        number = uuid.uuid4()
        place = f"{self.cloud.region}:{self.cloud.account}"
        return f"arn:aws:cloudformation:{place}:{kind}/{name}/{number}"

    def _new(self, name):
        return Stack(name, self._arn("stack", name), now())

    def _evaluated(self, body, parameters):
        if len(body.encode()) > 51_200:
            said = (
                "1 validation error detected: Value at 'templateBody' failed to satisfy "
                "constraint: Member must have length less than or equal to 51200"
            )
            raise Refusal("ValidationError", said)
        try:
            template = parsed(body)
            new = reader.Stack(template, parameters, self.cloud.account, self.cloud.region)
            # What no condition makes is no part of the stack.
            made = {name: r for name, r in template["Resources"].items() if name in new.resources}
            new.template = {**template, "Resources": made}
            return new
        except reader.Refused as refused:
            raise Refusal("ValidationError", f"Parameters: {refused}") from refused

    def _changes(self, stack, new, takes_over, reverts):
        """[(action, logical id, type, physical id, replacement)], as two templates differ; and with
        `reverts`, as what is there differs from the new one."""
        old = {}
        if stack is not None and stack.template is not None:
            old = self._evaluated(stack.body, stack.parameters).resources
        changes = []
        for name, resource in new.resources.items():
            kind = resource["Type"]
            if name not in old:
                own = self._literal_name(new, name)
                there = own and takes_over and self.cloud.properties(kind, own) is not None
                changes.append(
                    ("Import" if there else "Add", name, kind, own if there else None, None)
                )
            elif old[name] != resource or (reverts and self._drift(stack, name, resource)):
                made = stack.resources.get(name)
                anew = name in self.scenario.replaces or is_made_anew(kind, old[name], resource)
                changes.append(("Modify", name, kind, made, str(anew)))
        gone = [name for name in old if name not in new.resources]
        changes += [("Remove", n, old[n]["Type"], stack.resources.get(n), None) for n in gone]
        return changes

    def _drift(self, stack, name, resource):
        """{property: (expected, actual)} where a resource is not what its template says.

        "Only resource properties explicitly defined in the stack template are checked for drift"
        (API reference, StackResourceDrift). None: it is not there any more.
        """
        if name in self.scenario.unchecked or name not in stack.resources:
            return {}
        actual = self.cloud.properties(resource["Type"], stack.resources[name])
        if actual is None:
            return None
        expected = resource.get("Properties", {})
        return {
            key: (value, actual.get(key)) for key, value in expected.items() if value != actual.get(key)
        }

    def _literal_name(self, new, name):
        """A resource's name, if the template has it as text and the resource may be kept.

        "The resource must have a static custom name defined in your template. Dynamic names (using
        !Ref or other functions) are not currently supported. The resource must have a
        DeletionPolicy of Retain or RetainExceptOnCreate." (User Guide, "Import AWS resources into a
        CloudFormation stack automatically")
        """
        resource = new.template["Resources"][name]
        written = resource.get("Properties", {}).get(NAMES.get(resource["Type"]))
        kept = resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
        return written if kept and isinstance(written, str) else None

    def _taken(self, one):
        """{logical id: reason} of what cannot be made, because it is there already."""
        taken = {}
        for action, name, kind, *_ in one.changes:
            if action == "Add" and kind in NAMES:
                own = one.new.resources[name]["Properties"].get(NAMES[kind])
                if own and self.cloud.properties(kind, own) is not None:
                    taken[name] = f"{own} already exists"
            if action == "Add" and kind == "AWS::S3::BucketPolicy":
                own = one.new.resources[name]["Properties"]["Bucket"]
                if getattr(self.cloud.buckets.all.get(own), "policy", None):
                    # aws-cloudformation/cloudformation-coverage-roadmap issue 1068.
                    taken[name] = f"The bucket policy already exists on bucket {own}."
        return taken

    def _is_kept(self, stack, name):
        policy = stack.template["Resources"][name].get("DeletionPolicy", "Delete")
        return policy in ("Retain", "RetainExceptOnCreate")

    def _groups(self, template, names):
        return events.levels(names, reader.references(template)) if template else []

    def _run(self, one, scenario, taken=None):
        fails = {**(taken or {}), **(scenario.fails or {})}
        template = one.new.template
        named = {name: action for action, name, *_ in one.changes}
        live = [name for name, action in named.items() if action != "Remove"]
        groups = self._groups(template, live)
        if one.kind == "CREATE":
            imported = [name for name, action in named.items() if action == "Import"]
            return events.create(groups, imported, fails)
        added = [name for name, action in named.items() if action == "Add"]
        removed = [name for name, action in named.items() if action == "Remove"]
        return events.update(groups, added, removed, fails, scenario.cannot_roll_back)

    def _start(self, stack, batches, change_set):
        """The status changes at once; the first batch tells so."""
        if change_set and change_set.kind == "CREATE":
            # A stack shows what it was to be, even if nothing comes of it.
            stack.template, stack.body = change_set.new.template, change_set.body
            stack.parameters = sent(change_set.new)
        stack.pending_template = change_set
        stack.batches = batches
        stack.came = 0
        stack.wait = self.scenario.silent
        self._move_on(stack)
        while self.scenario.moves_on is None and stack.batches:
            self._move_on(stack)

    def _poll(self, stack, action):
        if action != self.scenario.moves_on or not stack.batches:
            return
        if stack.wait > 0:
            stack.wait -= 1
            return
        held = self.scenario.holds_after is not None and stack.came >= self.scenario.holds_after
        if not held or self.scenario.gate.is_set():
            self._move_on(stack)

    def _move_on(self, stack):
        """One batch: all its events bear one time, as those of a busy stack do."""
        batch = stack.batches.pop(0)
        stack.came += 1
        time = now()
        for name, status, reason in batch:
            self._tell(stack, name, status, reason, time)

    def _tell(self, stack, name, status, reason, time=None):
        time = time or now()
        change_set = stack.pending_template
        if name is events.STACK:
            logical, physical, kind, number = (
                stack.name,
                stack.id,
                events.STACK_TYPE,
                str(uuid.uuid4()),
            )
        else:
            template = change_set.new.template if change_set else stack.template
            if name not in template["Resources"]:
                template = stack.template
            logical, kind = name, template["Resources"][name]["Type"]
            physical = self._physical(stack, change_set, name, status, reason)
            number = f"{name}-{status}-{time.isoformat()}-{len(stack.events)}"
        stack.events.append(
            {
                "StackId": stack.id,
                "EventId": number,
                "StackName": stack.name,
                "LogicalResourceId": logical,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "Timestamp": time,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "ClientRequestToken": stack.token,
            }
        )
        if name is events.STACK:
            stack.status, stack.reason = status, reason
            self._settled(stack, change_set)

    def _physical(self, stack, change_set, name, status, reason):
        """Makes, changes or removes what the event tells of; gives its physical id."""
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            rolls_back = "ROLLBACK" in stack.status
            new = self._evaluated(stack.body, stack.parameters) if rolls_back else change_set.new
            if name in new.resources:
                try:
                    stack.resources[name] = new.ref(name)
                except NotImplementedError:
                    stack.resources[name] = f"{stack.name}-{name}-1MBVUXQ3KCVBG"
                changed = self._set_by(status, name, stack, change_set, new)
                self.cloud.made(new.resources[name], stack.resources[name], changed)
        if status == "DELETE_COMPLETE" and name in stack.resources:
            template = stack.template or change_set.new.template
            kind = template["Resources"][name]["Type"]
            self.cloud.removed(
                kind, stack.resources.pop(name), rolls_back=stack.status.startswith("ROLL")
            )
        if status == "DELETE_SKIPPED":
            return stack.resources.pop(name)
        early = status == "CREATE_IN_PROGRESS" and reason is None
        return "" if early else stack.resources.get(name, "")

    def _set_by(self, status, name, stack, change_set, new):
        """The properties that a run sets. An import sets none, and an update those in which the two
        templates differ: "traditional change sets [...] do not account for stack drift" (User Guide,
        "Using drift-aware change sets")."""
        properties = new.resources[name].get("Properties", {})
        if status == "IMPORT_COMPLETE":
            return []
        if status == "CREATE_COMPLETE" or change_set.reverts:
            return list(properties)
        old = self._evaluated(stack.body, stack.parameters).resources[name].get("Properties", {})
        if "ROLLBACK" in stack.status:
            old, properties = change_set.new.resources[name].get("Properties", {}), old
        both = {**old, **properties}
        return [key for key in both if old.get(key) != properties.get(key)]

    def _settled(self, stack, change_set):
        """What the stack is after a run that went well."""
        if change_set and stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            stack.template, stack.body = change_set.new.template, change_set.body
            stack.parameters = sent(change_set.new)
            stack.outputs = change_set.new.outputs
            stack.pending_template = None


def sent(new):
    """Parameters as DescribeStacks shows them: lists as they were given, by commas."""
    return {k: ",".join(v) if isinstance(v, list) else v for k, v in new.parameters.items()}
