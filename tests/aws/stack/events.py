"""What CloudFormation would tell of one run: the events of a create, an update, a delete.

The order is that of the template's references; the statuses, the two CREATE_IN_PROGRESS of each
resource and the reasons ("Resource creation cancelled", "The following resource(s) failed to
create: [...]. Rollback requested by user.") are those of real stacks, as people's reports show them
(aws/serverless-application-model issue 58, aws-samples/amazon-cloudfront-secure-static-site issue
39, coreos/coreos-kubernetes pull request 454). A run is a list of batches; each poll is given one.
"""

STACK = None
STACK_TYPE = "AWS::CloudFormation::Stack"


def levels(names, needs):
    """The names in groups, each of which needs only what stands in earlier groups."""
    left, done, groups = set(names), set(), []
    while left:
        group = sorted(name for name in left if needs[name] & set(names) <= done | {name})
        assert group, f"a circle among {left}"
        groups.append(group)
        done |= set(group)
        left -= set(group)
    return groups


def create(groups, imported=(), fails=None):
    fails = fails or {}
    batches, made = [[(STACK, "CREATE_IN_PROGRESS", "User Initiated")]], []
    for group in groups:
        began = []
        for name in group:
            verb = "IMPORT" if name in imported else "CREATE"
            why = "Resource import Initiated" if name in imported else None
            began.append((name, f"{verb}_IN_PROGRESS", why))
        batches.append(began)
        failed = [name for name in group if name in fails]
        if failed:
            others = [name for name in group if name not in fails]
            # What was under way is called off; its events may come before the failure's own.
            batches.append(
                [(name, "CREATE_FAILED", "Resource creation cancelled") for name in others]
                + [(name, "CREATE_FAILED", fails[name]) for name in failed]
            )
            return batches + _rolled_back(failed + others, failed, made, group)
        more = [(n, "CREATE_IN_PROGRESS", "Resource creation Initiated") for n in group]
        batches.append([event for event in more if event[0] not in imported])
        batches.append(
            [(n, "IMPORT_COMPLETE" if n in imported else "CREATE_COMPLETE", None) for n in group]
        )
        made += group
    return batches + [[(STACK, "CREATE_COMPLETE", None)]]


def _rolled_back(named, failed, made, group):
    said = f"The following resource(s) failed to create: [{', '.join(named)}]. "
    said += "Rollback requested by user."
    batches = [[(STACK, "ROLLBACK_IN_PROGRESS", said)]]
    undone = list(reversed(made)) + list(group)
    batches.append([(name, "DELETE_IN_PROGRESS", None) for name in undone])
    batches.append([(name, "DELETE_COMPLETE", None) for name in undone])
    return batches + [[(STACK, "ROLLBACK_COMPLETE", None)]]


def update(groups, added=(), removed=(), fails=None, cannot_roll_back=None):
    fails = fails or {}
    batches, changed = [[(STACK, "UPDATE_IN_PROGRESS", "User Initiated")]], []
    for group in groups:
        verb = {name: "CREATE" if name in added else "UPDATE" for name in group}
        batches.append([(name, f"{verb[name]}_IN_PROGRESS", None) for name in group])
        changed += group
        failed = [name for name in group if name in fails]
        if failed:
            others = [name for name in group if name not in fails]
            batches.append(
                [(n, f"{verb[n]}_FAILED", "Resource update cancelled") for n in others]
                + [(n, f"{verb[n]}_FAILED", fails[n]) for n in failed]
            )
            said = f"The following resource(s) failed to update: [{', '.join(failed + others)}]. "
            batches.append([(STACK, "UPDATE_ROLLBACK_IN_PROGRESS", said)])
            batches.append([(name, "UPDATE_IN_PROGRESS", None) for name in changed])
            if cannot_roll_back:
                batches.append([(failed[0], "UPDATE_FAILED", cannot_roll_back)])
                said = f"The following resource(s) failed to update: [{failed[0]}]. "
                return batches + [[(STACK, "UPDATE_ROLLBACK_FAILED", said)]]
            batches.append([(name, "UPDATE_COMPLETE", None) for name in changed])
            batches.append([(STACK, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", None)])
            return batches + [[(STACK, "UPDATE_ROLLBACK_COMPLETE", None)]]
        batches.append([(name, f"{verb[name]}_COMPLETE", None) for name in group])
    batches.append([(STACK, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", None)])
    for name in removed:
        batches += [[(name, "DELETE_IN_PROGRESS", None)], [(name, "DELETE_COMPLETE", None)]]
    return batches + [[(STACK, "UPDATE_COMPLETE", None)]]


def delete(groups, kept=(), fails=None):
    fails = fails or {}
    batches = [[(STACK, "DELETE_IN_PROGRESS", "User Initiated")]]
    for group in reversed(groups):
        gone = [name for name in group if name not in kept]
        batches.append([(name, "DELETE_SKIPPED", None) for name in group if name in kept])
        batches.append([(name, "DELETE_IN_PROGRESS", None) for name in gone])
        failed = [name for name in gone if name in fails]
        batches.append(
            [(name, "DELETE_COMPLETE", None) for name in gone if name not in fails]
            + [(name, "DELETE_FAILED", fails[name]) for name in failed]
        )
        if failed:
            said = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            return batches + [[(STACK, "DELETE_FAILED", said)]]
    return batches + [[(STACK, "DELETE_COMPLETE", None)]]
