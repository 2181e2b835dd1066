"""CloudFormation's API, in the form of its reference.

Shapes and error codes after `botocore/data/cloudformation/2010-05-15/service-2.json`; the sentences
of errors are the service's own.
"""

import json
import uuid

import events
from runs import ChangeSet, Runs, now, parsed, sent
from wire import CLOUDFORMATION, Refusal, query_answer, query_refusal

NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
INVALID = (
    "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. "
    "To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure "
    "information."
)
RESTING = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}


class Stacks(Runs):
    def __init__(self, cloud):
        super().__init__(cloud)
        self.page, self.changes_page = 100, 100

    def answer(self, call):
        try:
            known = getattr(self, "_" + call.action, None)
            if known is None:
                said = f"Could not find operation {call.action} for version 2010-05-15"
                raise Refusal("InvalidAction", said)
            return query_answer(call.action, known(call.fields), CLOUDFORMATION)
        except Refusal as refusal:
            return query_refusal(refusal, CLOUDFORMATION)

    def _found(self, name, said):
        for stack in self.all:
            if stack.id == name:
                return stack
        stack = self.stack(name)
        if stack is None:
            raise Refusal("ValidationError", said)
        return stack

    def _DescribeStacks(self, fields):
        name = fields.get("StackName")
        if name is None:
            return {
                "Stacks": [self._described(s) for s in self.all if s.status != "DELETE_COMPLETE"]
            }
        stack = self._found(name, f"Stack with id {name} does not exist")
        self._poll(stack, "DescribeStacks")
        return {"Stacks": [stack.stale.pop() if stack.stale else self._described(stack)]}

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
            "NotificationARNs": stack.topics,
            "RoleARN": stack.role,
            "Capabilities": ["CAPABILITY_IAM"],
            "Outputs": outputs or None,
            "Tags": stack.tags,
            "EnableTerminationProtection": stack.protected,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }

    def _CreateChangeSet(self, fields):
        name, kind = fields["StackName"], fields.get("ChangeSetType", "UPDATE")
        stack = next((s for s in self.all if s.id == name), None) or self.stack(name)
        before = fields.get("UsePreviousTemplate") == "true"
        body = stack.body if before else fields["TemplateBody"]
        named, token = fields["ChangeSetName"], fields.get("ClientToken")
        same = [s for s in self.sets if s.name == named and s.stack is stack]
        if token and same and same[0].fields.get("ClientToken") == token:
            return {"Id": same[0].id, "StackId": stack.id}
        if kind == "CREATE" and stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            said = f"Stack [{name}] already exists and cannot be created again "
            said += f"with the changeSet [{named}]."
            raise Refusal("ValidationError", said)
        if kind == "UPDATE" and stack is None:
            raise Refusal("ValidationError", f"Stack [{name}] does not exist")
        if kind == "UPDATE" and stack.status not in RESTING:
            said = f"Stack:{stack.id} is in {stack.status} state and can not be updated."
            raise Refusal("ValidationError", said)
        if same:
            raise Refusal("AlreadyExistsException", f"ChangeSet {named} already exists")
        parameters = {}
        for one in fields.get("Parameters", []):
            key = one["ParameterKey"]
            if one.get("UsePreviousValue") == "true":
                if stack is None or key not in stack.parameters:
                    said = (
                        f"Invalid input for parameter key {key}. Cannot specify usePreviousValue "
                        "as true for a parameter key not in the previous template"
                    )
                    raise Refusal("ValidationError", said)
                parameters[key] = stack.parameters[key]
            else:
                parameters[key] = one["ParameterValue"]
        new = self._evaluated(body, parameters)
        if "CAPABILITY_IAM" not in fields.get("Capabilities", []):
            raise Refusal(
                "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]"
            )
        if stack is None:
            stack = self._new(name)
            self.all.append(stack)
            self._tell(stack, events.STACK, "REVIEW_IN_PROGRESS", "User Initiated")
        takes_over = fields.get("ImportExistingResources") == "true"
        reverts = fields.get("DeploymentMode") == "REVERT_DRIFT"
        changes = self._changes(stack, new, takes_over, reverts)
        arn = self._arn("changeSet", named)
        made = ChangeSet(arn, named, stack, kind, body, new, changes, fields, self.scenario.pending)
        made.reason = self.scenario.change_set_fails or (None if changes else NO_CHANGES)
        if self.scenario.invalid:
            made.invalid, made.reason = self.scenario.invalid, INVALID
        self.sets.append(made)
        return {"Id": arn, "StackId": stack.id}

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
        if one.obsolete:
            execution = "OBSOLETE"
        start = int(fields.get("NextToken", 0))
        page = one.changes[start : start + self.changes_page]
        more = start + self.changes_page < len(one.changes)
        given = [{"ParameterKey": k, "ParameterValue": v} for k, v in sent(one.new).items()]
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
            "Changes": [self._change(one, change) for change in page] if made else [],
            "DeploymentMode": one.fields.get("DeploymentMode"),
            "NextToken": str(start + self.changes_page) if made and more else None,
            "IncludeNestedStacks": False,
            "ImportExistingResources": one.fields.get("ImportExistingResources") == "true",
        }

    def _DescribeEvents(self, fields):
        """Of a change set only: what its early validation found, the newest first."""
        if "ChangeSetName" not in fields:
            raise Refusal("InvalidAction", "DescribeEvents of a stack is not played here")
        one = self._set(fields)
        operation = {
            "StackId": one.stack.id,
            "OperationId": one.id.rpartition("/")[2],
            "OperationType": "CREATE_CHANGESET",
            "Timestamp": one.made,
        }
        whole = {**operation, "EventType": "STACK_EVENT", "LogicalResourceId": one.stack.name}
        whole |= {"ResourceType": events.STACK_TYPE, "PhysicalResourceId": one.stack.id}
        whole |= {"StartTime": one.made, "EndTime": one.made}
        found = [{**whole, "EventId": str(uuid.uuid4()), "OperationStatus": "FAILED"}]
        for name, reason in one.invalid.items():
            found.append(
                {
                    **operation,
                    "EventId": str(uuid.uuid4()),
                    "EventType": "VALIDATION_ERROR",
                    "LogicalResourceId": name,
                    "PhysicalResourceId": "",
                    "ResourceType": one.new.template["Resources"][name]["Type"],
                    "ValidationFailureMode": "FAIL",
                    "ValidationName": "NAME_CONFLICT_VALIDATION",
                    "ValidationStatus": "FAILED",
                    "ValidationStatusReason": reason,
                    "ValidationPath": f"/Resources/{name}",
                }
            )
        if fields.get("Filters", {}).get("FailedEvents") != "true":
            began = {**whole, "EventId": str(uuid.uuid4()), "OperationStatus": "IN_PROGRESS"}
            found.append({**began, "EndTime": None})
        start = int(fields.get("NextToken", 0))
        more = start + self.page < len(found)
        return {
            "OperationEvents": found[start : start + self.page],
            "NextToken": str(start + self.page) if more else None,
        }

    def _change(self, one, change):
        action, name, kind, physical, replacement = change
        drift, details = {}, []
        if one.reverts and action == "Modify":
            drift = self._drift(one.stack, name, one.new.resources[name])
            for key, (expected, actual) in drift.items():
                target = {
                    "Attribute": "Properties",
                    "Name": key,
                    "RequiresRecreation": "Never",
                    "Path": f"/Properties/{key}",
                    "BeforeValue": json.dumps(actual),
                    "AfterValue": json.dumps(expected),
                    "BeforeValueFrom": "ACTUAL_STATE",
                    "AfterValueFrom": "TEMPLATE",
                    "AttributeChangeType": "Modify",
                }
                details.append({"Target": target, "Evaluation": "Static"})
        status = ("MODIFIED" if drift else "IN_SYNC") if one.reverts else None
        return {
            "Type": "Resource",
            "ResourceChange": {
                "Action": action,
                "LogicalResourceId": name,
                "PhysicalResourceId": physical,
                "ResourceType": kind,
                "Replacement": replacement,
                "Scope": ["Properties"] if action == "Modify" else [],
                "ResourceDriftStatus": status,
                "Details": details,
            },
        }

    def _ExecuteChangeSet(self, fields):
        one = self._set(fields)
        token = fields.get("ClientRequestToken")
        if one.executed and token and token == one.stack.token:
            return {}
        if one.reason or one.executed or one.polls > 0:
            status = "FAILED" if one.reason else "EXECUTE_IN_PROGRESS"
            said = f"ChangeSet [{one.id}] cannot be executed in its current status of [{status}]"
            raise Refusal("InvalidChangeSetStatus", said)
        one.executed = True
        one.stack.tags = one.fields.get("Tags", [])
        one.stack.topics = one.fields.get("NotificationARNs", [])
        # "If you don't specify a value, CloudFormation uses the role that was previously associated
        # with the stack" (API reference, CreateChangeSet).
        one.stack.role = one.fields.get("RoleARN", one.stack.role)
        # "When you execute a change set, CloudFormation deletes all other change sets associated
        # with the stack" (API reference, ExecuteChangeSet).
        self.sets = [s for s in self.sets if s is one or s.stack is not one.stack]
        one.stack.token = fields.get("ClientRequestToken")
        before = self._described(one.stack)
        self._start(one.stack, self._run(one, self.scenario, self._taken(one)), one)
        one.stack.stale = [before] * self.scenario.stale
        return {}

    def _UpdateTerminationProtection(self, fields):
        stack = self._found(fields["StackName"], f"Stack [{fields['StackName']}] does not exist")
        stack.protected = fields["EnableTerminationProtection"] == "true"
        return {"StackId": stack.id}

    def _DeleteChangeSet(self, fields):
        self.sets.remove(self._set(fields))
        return {}

    def _DeleteStack(self, fields):
        name = fields["StackName"]
        stack = next((s for s in self.all if s.id == name), None) or self.stack(name)
        if stack is None or stack.status == "DELETE_COMPLETE":
            return None
        stack.token = fields.get("ClientRequestToken")
        self.sets = [s for s in self.sets if s.stack is not stack]
        kept = [n for n in stack.resources if self._is_kept(stack, n)]
        batches = events.delete(
            self._groups(stack.template, stack.resources), kept, self.scenario.fails
        )
        was, before = stack.status, self._described(stack)
        self._start(stack, batches, None)
        stack.stale = [before] * self.scenario.stale
        while was == "REVIEW_IN_PROGRESS" and stack.batches:
            self._move_on(stack)
        return None

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

    def _DescribeStackResource(self, fields):
        for stack, row in self._rows(fields):
            if row["LogicalResourceId"] == fields["LogicalResourceId"]:
                detail = {"StackName": stack.name, "StackId": stack.id, **row}
                return {"StackResourceDetail": {**detail, "LastUpdatedTimestamp": stack.made}}
        said = f"Resource {fields['LogicalResourceId']} does not exist for stack"
        raise Refusal("ValidationError", f"{said} {fields['StackName']}")

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

    def _DetectStackDrift(self, fields):
        """"Detects whether a stack's actual configuration differs, or has drifted" (API reference)."""
        name = fields["StackName"]
        stack = self._found(name, f"Stack [{name}] does not exist")
        if stack.status not in RESTING | {"UPDATE_ROLLBACK_FAILED"}:
            said = f"Stack:{stack.id} is in {stack.status} state and drift cannot be detected."
            raise Refusal("ValidationError", said)
        stack.detections = [str(uuid.uuid4()), self.scenario.pending]
        return {"StackDriftDetectionId": stack.detections[0]}

    def _DescribeStackDriftDetectionStatus(self, fields):
        number = fields["StackDriftDetectionId"]
        stack = next(s for s in self.all if getattr(s, "detections", [None])[0] == number)
        at_work = stack.detections[1] > 0
        stack.detections[1] -= 1
        failed = self.scenario.unchecked and not at_work
        drifted = [r for r in self._drifts(stack) if r["StackResourceDriftStatus"] != "IN_SYNC"]
        return {
            "StackId": stack.id,
            "StackDriftDetectionId": number,
            "StackDriftStatus": None if at_work else ("DRIFTED" if drifted else "IN_SYNC"),
            "DetectionStatus": "DETECTION_IN_PROGRESS"
            if at_work
            else ("DETECTION_FAILED" if failed else "DETECTION_COMPLETE"),
            "DetectionStatusReason": "Failed to detect drift on some resources" if failed else None,
            "DriftedStackResourceCount": len(drifted),
            "Timestamp": now(),
        }

    def _drifts(self, stack):
        template = self._evaluated(stack.body, stack.parameters)
        for name, resource in template.resources.items():
            if name in self.scenario.unchecked:
                continue
            drift = self._drift(stack, name, resource)
            different = [
                {
                    "PropertyPath": f"/{key}",
                    "ExpectedValue": json.dumps(expected),
                    "ActualValue": json.dumps(actual),
                    "DifferenceType": "NOT_EQUAL" if actual is not None else "REMOVE",
                }
                for key, (expected, actual) in (drift or {}).items()
            ]
            status = "DELETED" if drift is None else ("MODIFIED" if drift else "IN_SYNC")
            yield {
                "StackId": stack.id,
                "LogicalResourceId": name,
                "PhysicalResourceId": stack.resources.get(name),
                "ResourceType": resource["Type"],
                "PropertyDifferences": different,
                "StackResourceDriftStatus": status,
                "Timestamp": now(),
            }

    def _DescribeStackResourceDrifts(self, fields):
        """"Only resources that have been checked for drift are returned" in spirit: what cannot be
        checked is missing (API reference, DescribeStackResourceDrifts)."""
        name = fields["StackName"]
        rows = list(self._drifts(self._found(name, f"Stack [{name}] does not exist")))
        start = int(fields.get("NextToken", 0))
        more = start + self.page < len(rows)
        return {
            "StackResourceDrifts": rows[start : start + self.page],
            "NextToken": str(start + self.page) if more else None,
        }

    def _GetTemplate(self, fields):
        name = fields["StackName"]
        stack = self._found(name, f"Stack with id {name} does not exist")
        return {"TemplateBody": stack.body, "StagesAvailable": ["Original", "Processed"]}

    def _GetTemplateSummary(self, fields):
        if "TemplateBody" in fields:
            template = parsed(fields["TemplateBody"])
        else:
            name = fields["StackName"]
            template = self._found(name, f"Stack with id {name} does not exist").template
        parameters = [
            {"ParameterKey": name, "ParameterType": rules["Type"], "NoEcho": False}
            for name, rules in template["Parameters"].items()
        ]
        return {"Parameters": parameters, "Capabilities": ["CAPABILITY_IAM"]}
