"""CloudFormation: stacks, change sets and events, in the form of its API reference.

Shapes and error codes after `botocore/data/cloudformation/2010-05-15/service-2.json`; the sentences
of errors are the service's own. What a change set holds is worked out from the two templates and
parameters by the reader of tests/aws/template; what happens when it is executed is a run (events.py)
that moves on by one batch at each poll, so that a test is a scenario and not a matter of time.
"""

import datetime
import functools
import importlib.util
import pathlib
import threading
import uuid

import events
from wire import CLOUDFORMATION, Refusal, query_answer, query_refusal

TEMPLATES = pathlib.Path(__file__).resolve().parents[1] / "template" / "cloudformation.py"
NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
RESTING = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}


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


class Scenario:
    """How the next run of a stack goes.

    `fails`: {logical id: reason}. `holds_after`: so many batches come, the rest once `gate` is set.
    `pending`: how many polls a change set is in the making. `silent`: polls without news in front.
    `moves_on`: which action lets the run go on.
    """

    def __init__(self, fails=None, holds_after=None, pending=1, silent=0,
                 moves_on="DescribeStackEvents", change_set_fails=None, cannot_roll_back=None):
        self.fails, self.holds_after = fails, holds_after
        self.pending, self.silent, self.moves_on = pending, silent, moves_on
        self.change_set_fails, self.cannot_roll_back = change_set_fails, cannot_roll_back
        self.gate = threading.Event()


class Stack:
    def __init__(self, name, arn, made):
        self.name, self.id, self.made = name, arn, made
        self.status, self.reason = "REVIEW_IN_PROGRESS", None
        self.template, self.body, self.parameters = None, "", {}
        self.outputs, self.resources = {}, {}
        self.events, self.batches, self.came = [], [], 0
        self.token, self.pending_template = None, None


class ChangeSet:
    def __init__(self, arn, name, stack, kind, body, new, changes, fields, polls):
        self.id, self.name, self.stack, self.kind = arn, name, stack, kind
        self.body, self.new, self.changes, self.fields = body, new, changes, fields
        self.polls, self.reason, self.executed, self.made = polls, None, False, now()


class Stacks:
    """The service. `cloud` has the account, the region, the buckets and the parameter store."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.all, self.sets = [], []
        self.scenario = Scenario()
        self.page, self.changes_page = 100, 100

    # ---- for tests ----

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
        changes = self._changes(None, new, False)
        change_set = ChangeSet("", "earlier", stack, "CREATE", body, new, changes, {}, 0)
        stack.batches, stack.pending_template = self._run(change_set, Scenario()), change_set
        while stack.batches:
            self._move_on(stack)
        if status != "CREATE_COMPLETE":
            self._tell(stack, events.STACK, status, "made so for a test")
        return stack

    # ---- the service ----

    def answer(self, call):
        try:
            known = getattr(self, "_" + call.action, None)
            if known is None:
                said = f"Could not find operation {call.action} for version 2010-05-15"
                raise Refusal("InvalidAction", said)
            return query_answer(call.action, known(call.fields), CLOUDFORMATION)
        except Refusal as refusal:
            return query_refusal(refusal, CLOUDFORMATION)

    def _arn(self, kind, name):
        number = uuid.uuid4()
        place = f"{self.cloud.region}:{self.cloud.account}"
        return f"arn:aws:cloudformation:{place}:{kind}/{name}/{number}"

    def _new(self, name):
        return Stack(name, self._arn("stack", name), now())

    def _found(self, name, said):
        for stack in self.all:
            if stack.id == name:
                return stack
        stack = self.stack(name)
        if stack is None:
            raise Refusal("ValidationError", said)
        return stack

    def _evaluated(self, body, parameters):
        if len(body.encode()) > 51_200:
            said = "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"
            raise Refusal("ValidationError", said)
        try:
            return reader.Stack(parsed(body), parameters, self.cloud.account, self.cloud.region)
        except reader.Refused as refused:
            raise Refusal("ValidationError", f"Parameters: {refused}") from refused

    def _DescribeStacks(self, fields):
        name = fields.get("StackName")
        if name is None:
            return {"Stacks": [self._described(s) for s in self.all if s.status != "DELETE_COMPLETE"]}
        stack = self._found(name, f"Stack with id {name} does not exist")
        self._poll(stack, "DescribeStacks")
        return {"Stacks": [self._described(stack)]}

    def _described(self, stack):
        parameters = [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()]
        outputs = [
            {
                "OutputKey": key,
                "OutputValue": one["Value"],
                "Description": one.get("Description"),
                "ExportName": one.get("Export", {}).get("Name"),
            }
            for key, one in stack.outputs.items()
        ]
        return {
            "StackId": stack.id,
            "StackName": stack.name,
            "Description": stack.template["Description"] if stack.template else None,
            "Parameters": parameters or None,
            "CreationTime": stack.made,
            "DeletionTime": now() if stack.status == "DELETE_COMPLETE" else None,
            "RollbackConfiguration": {},
            "StackStatus": stack.status,
            "StackStatusReason": stack.reason,
            "DisableRollback": False,
            "NotificationARNs": [],
            "Capabilities": ["CAPABILITY_IAM"],
            "Outputs": outputs or None,
            "Tags": [],
            "EnableTerminationProtection": False,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }

    def _CreateChangeSet(self, fields):
        name, kind = fields["StackName"], fields.get("ChangeSetType", "UPDATE")
        stack, body = self.stack(name), fields["TemplateBody"]
        named = fields["ChangeSetName"]
        if kind == "CREATE" and stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            said = f"Stack [{name}] already exists and cannot be created again with the changeSet [{named}]."
            raise Refusal("ValidationError", said)
        if kind == "UPDATE" and stack is None:
            raise Refusal("ValidationError", f"Stack [{name}] does not exist")
        if kind == "UPDATE" and stack.status not in RESTING:
            said = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            raise Refusal("ValidationError", said)
        if any(s.name == named and s.stack is stack for s in self.sets):
            raise Refusal("AlreadyExistsException", f"ChangeSet {named} already exists")
        parameters = {}
        for one in fields.get("Parameters", []):
            key = one["ParameterKey"]
            if one.get("UsePreviousValue") == "true":
                if stack is None or key not in stack.parameters:
                    said = f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                    raise Refusal("ValidationError", said)
                parameters[key] = stack.parameters[key]
            else:
                parameters[key] = one["ParameterValue"]
        new = self._evaluated(body, parameters)
        if "CAPABILITY_IAM" not in fields.get("Capabilities", []):
            raise Refusal("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
        if stack is None:
            stack = self._new(name)
            self.all.append(stack)
            self._tell(stack, events.STACK, "REVIEW_IN_PROGRESS", "User Initiated")
        takes_over = fields.get("ImportExistingResources") == "true"
        changes = self._changes(stack, new, takes_over)
        arn = self._arn("changeSet", named)
        made = ChangeSet(arn, named, stack, kind, body, new, changes, fields, self.scenario.pending)
        made.reason = self.scenario.change_set_fails or (None if changes else NO_CHANGES)
        self.sets.append(made)
        return {"Id": arn, "StackId": stack.id}

    def _changes(self, stack, new, takes_over):
        """[(action, logical id, type, physical id, replacement)], as two templates differ."""
        old = {}
        if stack is not None and stack.template is not None:
            old = self._evaluated(stack.body, stack.parameters).resources
        changes = []
        for name, resource in new.resources.items():
            kind = resource["Type"]
            if name not in old:
                own = kind == "AWS::S3::Bucket" and resource["Properties"].get("BucketName")
                there = own in self.cloud.buckets.all and takes_over
                changes.append(("Import" if there else "Add", name, kind, own if there else None, None))
            elif old[name] != resource:
                made = stack.resources.get(name)
                changes.append(("Modify", name, kind, made, "False"))
        gone = [name for name in old if name not in new.resources]
        changes += [("Remove", n, old[n]["Type"], stack.resources.get(n), None) for n in gone]
        return changes

    def _set(self, fields):
        wanted, of = fields["ChangeSetName"], fields.get("StackName")
        for one in self.sets:
            if one.id == wanted or (one.name == wanted and of in (one.stack.name, one.stack.id)):
                return one
        raise Refusal("ChangeSetNotFound", f"ChangeSet [{wanted}] does not exist", 404)

    def _DescribeChangeSet(self, fields):
        one = self._set(fields)
        status, execution = "CREATE_COMPLETE", "AVAILABLE"
        if one.polls > 0:
            one.polls -= 1
            status, execution = "CREATE_IN_PROGRESS", "UNAVAILABLE"
        elif one.reason:
            status, execution = "FAILED", "UNAVAILABLE"
        if one.executed:
            execution = "EXECUTE_COMPLETE"
        start = int(fields.get("NextToken", 0))
        page = one.changes[start : start + self.changes_page]
        more = start + self.changes_page < len(one.changes)
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in _sent(one.new).items()]
        made = status == "CREATE_COMPLETE"
        return {
            "ChangeSetName": one.name,
            "ChangeSetId": one.id,
            "StackId": one.stack.id,
            "StackName": one.stack.name,
            "Parameters": given,
            "CreationTime": one.made,
            "ExecutionStatus": execution,
            "Status": status,
            "StatusReason": one.reason if status == "FAILED" else None,
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Capabilities": one.fields.get("Capabilities"),
            "Tags": [],
            "Changes": [self._change(change) for change in page] if made else [],
            "NextToken": str(start + self.changes_page) if made and more else None,
            "IncludeNestedStacks": False,
            "ImportExistingResources": one.fields.get("ImportExistingResources") == "true",
        }

    def _change(self, change):
        action, name, kind, physical, replacement = change
        return {
            "Type": "Resource",
            "ResourceChange": {
                "Action": action,
                "LogicalResourceId": name,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "Replacement": replacement,
                "Scope": ["Properties"] if action == "Modify" else [],
                "Details": [],
            },
        }

    def _ExecuteChangeSet(self, fields):
        one = self._set(fields)
        if one.reason or one.executed or one.polls > 0:
            said = f"ChangeSet [{one.id}] cannot be executed in its current status of [FAILED]"
            raise Refusal("InvalidChangeSetStatus", said)
        one.executed = True
        one.stack.token = fields.get("ClientRequestToken")
        self._start(one.stack, self._run(one, self.scenario), one)
        return {}

    def _DeleteChangeSet(self, fields):
        self.sets.remove(self._set(fields))
        return {}

    def _DeleteStack(self, fields):
        name = fields["StackName"]
        stack = next((s for s in self.all if s.id == name), None) or self.stack(name)
        if stack is None or stack.status == "DELETE_COMPLETE":
            return None
        stack.token = fields.get("ClientRequestToken")
        kept = [n for n in stack.resources if self._is_kept(stack, n)]
        batches = events.delete(self._groups(stack.template, stack.resources), kept, self.scenario.fails)
        was = stack.status
        self._start(stack, batches, None)
        while was == "REVIEW_IN_PROGRESS" and stack.batches:
            self._move_on(stack)
        return None

    def _is_kept(self, stack, name):
        policy = stack.template["Resources"][name].get("DeletionPolicy", "Delete")
        return policy in ("Retain", "RetainExceptOnCreate")

    def _groups(self, template, names):
        return events.levels(names, reader.references(template)) if template else []

    def _run(self, one, scenario):
        template = one.new.template
        named = {name: action for action, name, *_ in one.changes}
        live = [name for name, action in named.items() if action != "Remove"]
        groups = self._groups(template, live)
        if one.kind == "CREATE":
            taken = [name for name, action in named.items() if action == "Import"]
            return events.create(groups, taken, scenario.fails)
        added = [name for name, action in named.items() if action == "Add"]
        removed = [name for name, action in named.items() if action == "Remove"]
        return events.update(groups, added, removed, scenario.fails, scenario.cannot_roll_back)

    def _start(self, stack, batches, change_set):
        """The status changes at once; the first batch tells so."""
        stack.pending_template = change_set
        stack.batches = batches
        stack.came = 0
        stack.wait = self.scenario.silent
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
            logical, physical, kind, number = stack.name, stack.id, events.STACK_TYPE, str(uuid.uuid4())
        else:
            template = change_set.new.template if change_set else stack.template
            if name not in template["Resources"]:
                template = stack.template
            logical, kind = name, template["Resources"][name]["Type"]
            physical = self._physical(stack, change_set, name, status, reason)
            number = f"{name}-{status}-{time.isoformat()}-{len(stack.events)}"
        stack.events.append({
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
        })
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
                self.cloud.made(new.resources[name])
        if status == "DELETE_COMPLETE" and name in stack.resources:
            self.cloud.removed(stack.resources.pop(name), rolls_back=stack.status.startswith("ROLL"))
        if status == "DELETE_SKIPPED":
            return stack.resources.pop(name)
        early = status == "CREATE_IN_PROGRESS" and reason is None
        return "" if early else stack.resources.get(name, "")

    def _settled(self, stack, change_set):
        """What the stack is after a run that went well."""
        if change_set and stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            stack.template, stack.body = change_set.new.template, change_set.body
            stack.parameters = _sent(change_set.new)
            stack.outputs = change_set.new.outputs
            stack.pending_template = None

    def _DescribeStackEvents(self, fields):
        name = fields["StackName"]
        stack = self._found(name, f"Stack [{name}] does not exist")
        if "NextToken" not in fields:
            self._poll(stack, "DescribeStackEvents")
        newest_first = list(reversed(stack.events))
        start = 0
        if "NextToken" in fields:
            # Events that come meanwhile move nobody's page.
            after = [n for n, e in enumerate(newest_first) if e["EventId"] == fields["NextToken"]]
            start = after[0] + 1
        page = newest_first[start : start + self.page]
        more = start + self.page < len(newest_first)
        return {"StackEvents": page, "NextToken": page[-1]["EventId"] if more else None}

    def _rows(self, fields):
        name = fields["StackName"]
        stack = self._found(name, f"Stack with id {name} does not exist")
        for logical, physical in stack.resources.items():
            yield stack, {
                "LogicalResourceId": logical,
                "PhysicalResourceId": physical,
                "ResourceType": stack.template["Resources"][logical]["Type"],
                "ResourceStatus": "CREATE_COMPLETE",
                "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
            }

    def _DescribeStackResources(self, fields):
        rows = [
            {"StackName": stack.name, "StackId": stack.id, "Timestamp": stack.made, **row}
            for stack, row in self._rows(fields)
        ]
        # The service's own limit: longer stacks are for ListStackResources.
        return {"StackResources": rows[:100]}

    def _ListStackResources(self, fields):
        rows = [{"LastUpdatedTimestamp": stack.made, **row} for stack, row in self._rows(fields)]
        start = int(fields.get("NextToken", 0))
        more = start + self.page < len(rows)
        return {
            "StackResourceSummaries": rows[start : start + self.page],
            "NextToken": str(start + self.page) if more else None,
        }

    def _GetTemplate(self, fields):
        name = fields["StackName"]
        stack = self._found(name, f"Stack with id {name} does not exist")
        return {"TemplateBody": stack.body, "StagesAvailable": ["Original", "Processed"]}


def _sent(new):
    """Parameters as DescribeStacks shows them: lists as they were given, by commas."""
    return {k: ",".join(v) if isinstance(v, list) else v for k, v in new.parameters.items()}
