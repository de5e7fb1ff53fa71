"""Plays CloudFormation for `deploy.sh`: change sets, imports, rollback of the whole stack, rollback triggers.

An execution runs to its end within its call; what waits for it finds the end at once. As documented, and not tried at
AWS: a resource that fails has everything of the execution taken back; a first creation leaves `ROLLBACK_COMPLETE`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.support.account.intrinsics import ACCOUNT_ID, Evaluation, InvalidTemplate, Made
from tests.support.account.lambdas import Lambdas
from tests.support.account.resources import ResourceFailed, Resources

Members = Mapping[str, Any]
_WATCHED_MINUTES = 5
"""The time between two looks at rollback triggers."""
UNCHANGED = "The submitted information didn't contain changes. Submit different information to create a change set."


class Refused(Exception):
    """What CloudFormation answers as ValidationError."""


@dataclass
class ChangeSet:
    """A change set; `reason` says why it cannot be executed."""

    name: str
    arn: str
    kind: str
    evaluation: Evaluation | None
    imported: Sequence[Members] = ()
    triggers: Sequence[str] = ()
    minutes: int = 0
    reason: str = ""


@dataclass
class Stack:
    """A stack; `made` are its resources by logical id, `watched` the alarms that roll its next update back."""

    name: str
    status: str
    evaluation: Evaluation | None = None
    made: dict[str, Made] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    last_change_set: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    not_taken_back: list[Callable[[], None]] = field(default_factory=list)
    """What a rollback that failed still has to do."""

    @property
    def outputs(self) -> dict[str, str]:
        """Its outputs by name."""
        if self.evaluation is None:
            return {}
        declared = self.evaluation.template.get("Outputs", {})
        there = {
            name: each
            for name, each in declared.items()
            if "Condition" not in each or self.evaluation.condition(each["Condition"])
        }
        return {name: self.evaluation.value(each["Value"], self.made) for name, each in there.items()}


class CloudFormation:
    """The stacks of one region. `read` returns a template by its URL, translated; `refresh` starts a stack's functions
    again after a change; `pass_minutes` lets some pass, in which
    a rollback trigger may go off.
    """

    def __init__(
        self,
        resources: Resources,
        lambdas: Lambdas,
        read: Callable[[str], Members],
        refresh: Callable[[Stack], None],
        pass_minutes: Callable[[int], None],
        now: Callable[[], datetime],
        region: str,
    ) -> None:
        self._resources, self._lambdas = resources, lambdas
        self._read, self._refresh, self._pass_minutes, self._now = read, refresh, pass_minutes, now
        self._region = region
        self.stacks: dict[str, Stack] = {}

    def answer(self, action: str, asked: Members) -> Members:
        """Answer a call. Raises Refused."""
        name = re.sub("(?<!^)(?=[A-Z])", "_", action).lower()
        handler: Callable[[Members], Members] | None = getattr(self, name, None)
        if handler is None:
            raise Refused(f"{action} is not played here")
        try:
            return handler(asked)
        except InvalidTemplate as error:
            raise Refused(str(error)) from error

    def _stack(self, asked: Members) -> Stack:
        name = asked["StackName"].split("/")[1] if asked["StackName"].startswith("arn:") else asked["StackName"]
        if name not in self.stacks:
            raise Refused(f"Stack with id {name} does not exist")
        return self.stacks[name]

    def describe_stacks(self, asked: Members) -> Members:
        """Answer DescribeStacks."""
        stack = self._stack(asked)
        values = stack.evaluation.parameters if stack.evaluation else {}
        described = {
            "StackName": stack.name,
            "StackId": f"arn:aws:cloudformation:{self._region}:{ACCOUNT_ID}:stack/{stack.name}/1",
            "ChangeSetId": stack.last_change_set,
            "CreationTime": self._now().isoformat(),
            "StackStatus": stack.status,
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in stack.outputs.items()],
        }
        return {"Stacks": [described]}

    def describe_stack_events(self, asked: Members) -> Members:
        """Answer DescribeStackEvents, newest first."""
        return {"StackEvents": list(reversed(self._stack(asked).events))}

    def create_change_set(self, asked: Members) -> Members:
        """Answer CreateChangeSet."""
        name, kind = asked["StackName"], asked.get("ChangeSetType", "UPDATE")
        if kind == "UPDATE":
            stack = self._stack(asked)
            if stack.not_taken_back:
                raise Refused(f"Stack [{name}] is in {stack.status} state and can not be updated.")
        elif name in self.stacks and self.stacks[name].status != "REVIEW_IN_PROGRESS":
            raise Refused(f"Stack [{name}] already exists and cannot be created again with the changeSet")
        else:
            stack = self.stacks.setdefault(name, Stack(name, "REVIEW_IN_PROGRESS"))
        own = asked["ChangeSetName"]
        arn = f"arn:aws:cloudformation:{self._region}:{ACCOUNT_ID}:changeSet/{own}/{uuid.uuid4()}"
        rollback = asked.get("RollbackConfiguration", {})
        change_set = ChangeSet(
            name=own,
            arn=arn,
            kind=kind,
            evaluation=None,
            imported=asked.get("ResourcesToImport", ()),
            triggers=[each["Arn"] for each in rollback.get("RollbackTriggers") or ()],
            minutes=int(rollback.get("MonitoringTimeInMinutes", 0)),
        )
        try:
            body = self._read(asked["TemplateURL"] if "TemplateURL" in asked else asked["TemplateBody"])
            change_set.evaluation = self._evaluated(stack, body, asked.get("Parameters", ()))
        except InvalidTemplate as error:
            change_set.reason = str(error)
        if change_set.evaluation and kind == "UPDATE" and _same(stack.evaluation, change_set.evaluation):
            change_set.reason = UNCHANGED
        stack.change_sets[own] = change_set
        return {"Id": arn, "StackId": f"arn:aws:cloudformation:{self._region}:{ACCOUNT_ID}:stack/{name}/1"}

    def _evaluated(self, stack: Stack, body: Members, given: Sequence[Members]) -> Evaluation:
        before = stack.evaluation.parameters if stack.evaluation else {}
        values = {}
        for each in given:
            name = each["ParameterKey"]
            if str(each.get("UsePreviousValue", "false")).lower() == "true":
                if name not in before:
                    raise InvalidTemplate(f"Parameters: [{name}] must have values")
                values[name] = before[name]
            else:
                values[name] = each.get("ParameterValue", "")
        pseudo = {
            "AWS::Region": self._region,
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": f"arn:aws:cloudformation:{self._region}:{ACCOUNT_ID}:stack/{stack.name}/1",
        }
        evaluation = Evaluation(body, values, pseudo)
        evaluation.in_order()
        return evaluation

    def describe_change_set(self, asked: Members) -> Members:
        """Answer DescribeChangeSet."""
        found = self._change_set(asked)
        status = "FAILED" if found.reason else "CREATE_COMPLETE"
        return {"ChangeSetName": found.name, "ChangeSetId": found.arn, "Status": status, "StatusReason": found.reason}

    def delete_change_set(self, asked: Members) -> Members:
        """Answer DeleteChangeSet."""
        self._stack(asked).change_sets.pop(self._change_set(asked).name)
        return {}

    def _change_set(self, asked: Members) -> ChangeSet:
        stack = self._stack(asked)
        if asked["ChangeSetName"] not in stack.change_sets:
            raise Refused(f"ChangeSet [{asked['ChangeSetName']}] does not exist")
        return stack.change_sets[asked["ChangeSetName"]]

    def execute_change_set(self, asked: Members) -> Members:
        """Answer ExecuteChangeSet, after it has ended."""
        stack, change_set = self._stack(asked), self._change_set(asked)
        if change_set.reason or change_set.evaluation is None:
            raise Refused(f"ChangeSet [{change_set.name}] cannot be executed in its current status of [FAILED]")
        stack.change_sets.clear()
        before, made_before = stack.evaluation, dict(stack.made)
        stack.evaluation = change_set.evaluation
        stack.last_change_set = change_set.arn
        undo: list[Callable[[], None]] = []
        late: list[Made] = []
        try:
            self._apply(stack, change_set, undo, late)
            self._refresh(stack)
            for passed in range(0, change_set.minutes + 1, _WATCHED_MINUTES):
                if passed:
                    self._pass_minutes(_WATCHED_MINUTES)
                for alarm in filter(self._in_alarm(stack), change_set.triggers):
                    raise ResourceFailed(f"Rollback trigger {alarm} is in state ALARM")
        except ResourceFailed as error:
            self._event(stack, f"{change_set.kind}_FAILED", "", "", str(error))
            ended = "ROLLBACK" if change_set.kind == "CREATE" else f"{change_set.kind}_ROLLBACK"
            self._take_back(stack, ended, undo)
            stack.evaluation, stack.made = before, made_before
            self._refresh(stack)
            return {}
        for each in late:
            self._dispose(each)
        stack.status = f"{change_set.kind}_COMPLETE"
        self._event(stack, stack.status, "", "", "")
        return {}

    def continue_update_rollback(self, asked: Members) -> Members:
        """Answer ContinueUpdateRollback, after it has ended: what could not be taken back is tried again."""
        stack = self._stack(asked)
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise Refused(f"Stack [{stack.name}] is in {stack.status} state and can not be continued.")
        self._take_back(stack, "UPDATE_ROLLBACK", stack.not_taken_back[::-1])
        self._refresh(stack)
        return {}

    def _take_back(self, stack: Stack, ended: str, undo: Sequence[Callable[[], None]]) -> None:
        stack.not_taken_back = []
        for step in reversed(undo):
            try:
                step()
            except ResourceFailed as error:
                stack.not_taken_back.append(step)
                self._event(stack, "UPDATE_FAILED", "", "", str(error))
        stack.status = f"{ended}_{'FAILED' if stack.not_taken_back else 'COMPLETE'}"
        self._event(stack, stack.status, "", "", "")

    def _apply(self, stack: Stack, change_set: ChangeSet, undo: list[Callable[[], None]], late: list[Made]) -> None:
        """Make and change every resource; what the template no longer has is put into `late`, deleted at the end."""
        evaluation = change_set.evaluation
        assert evaluation is not None
        imported = {each["LogicalResourceId"]: each["ResourceIdentifier"] for each in change_set.imported}
        for logical in evaluation.in_order():
            about = evaluation.resources[logical]
            try:
                properties = evaluation.value(about.get("Properties", {}), stack.made)
                before = stack.made.get(logical)
                if logical in imported:
                    made = self._resources.adopt(about["Type"], imported[logical], properties)
                elif before is None:
                    made = self._resources.make(stack.name, logical, about["Type"], properties)
                    if about.get("DeletionPolicy") != "Retain":
                        undo.append(lambda made=made: self._resources.delete(made))  # type: ignore[misc]
                elif before.properties != properties:
                    made = self._resources.change(stack.name, logical, before, properties)
                    undo.append(
                        lambda logical=logical, made=made, before=before: self._resources.change(  # type: ignore[misc]
                            stack.name, logical, made, before.properties
                        )
                    )
                else:
                    made = before
            except (ResourceFailed, InvalidTemplate) as error:
                self._event(stack, f"{change_set.kind}_FAILED", logical, about["Type"], str(error))
                raise ResourceFailed(f"The following resource(s) failed: [{logical}]. {error}") from error
            retained = about.get("DeletionPolicy", "Delete") != "Delete"
            stack.made[logical] = replace(made, retained=retained)
        for logical in [name for name in stack.made if name not in evaluation.resources]:
            late.append(stack.made.pop(logical))

    def delete_stack(self, asked: Members) -> Members:
        """Answer DeleteStack, after it has ended. A stack that is not there is deleted, too."""
        stack = self.stacks.pop(asked["StackName"], None)
        if stack is not None:
            made, stack.made = stack.made, {}
            self._refresh(stack)
            for each in reversed(list(made.values())):
                self._dispose(each)
        return {}

    def _dispose(self, made: Made) -> None:
        if not made.retained:
            self._resources.delete(made)

    def _in_alarm(self, stack: Stack) -> Callable[[str], bool]:
        """Return what says whether a composite alarm is in alarm: whether one of its parts is."""

        def in_alarm(arn: str) -> bool:
            alarms = {
                made.properties["AlarmName"]: made.properties
                for made in stack.made.values()
                if made.type.startswith("AWS::CloudWatch::") and "AlarmName" in made.properties
            }
            parts = re.findall(r"ALARM\(\"?([^\")]+)\"?\)", alarms[arn.rpartition(":")[2]]["AlarmRule"])
            assert parts, "the composite alarm has no parts"
            return any(self._errors(alarms[part.rpartition(":")[2]]) for part in parts)

        return in_alarm

    def _errors(self, alarm: Members) -> bool:
        """Return whether what an alarm counts happened within its period."""
        of = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", ())}
        name = {"5XXError": "", "Errors": of.get("FunctionName", "?")}.get(alarm.get("MetricName", ""), "?")
        return self._lambdas.errors.get(name, 0.0) >= self._now().timestamp() - alarm.get("Period", 60)

    def _event(self, stack: Stack, status: str, logical: str, kind: str, reason: str) -> None:
        stack.events.append(
            {
                "StackName": stack.name,
                "EventId": str(uuid.uuid4()),
                "LogicalResourceId": logical or stack.name,
                "ResourceType": kind or "AWS::CloudFormation::Stack",
                "Timestamp": self._now().isoformat(),
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
        )


def _same(before: Evaluation | None, after: Evaluation) -> bool:
    return before is not None and (before.template, before.parameters) == (after.template, after.parameters)
