"""`python -m local import FILE --account A --list L`: a CSV file of this machine as a sync of contacts.

Checks the file, puts its contacts on the queue `syncs` of the running stack or of a deployed stage, and follows them
in the ledger. The same file again makes nothing twice.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import names
from chalicelib.config.load import DEFAULT_PATH
from chalicelib.config.model import Settings
from chalicelib.domain.backoff import AccountState
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.ledger.event_status import EventView
from chalicelib.ledger.table import Table
from local import running_stacks
from local.configuration import read_configuration
from local.contacts_file import ContactsFile, FileRefused, Part, Target, parts_of
from local.deployed import access_problem, error_code, region
from local.list_check import NOBODY_ASKED, check_list
from local.options import STAGE, StartFailed, read_options, stack_environ, stage_name

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

POLL_SECONDS = 1.0
QUIET_SECONDS = 120.0
"""After so long without any change the import is left to go on by itself."""
ASKED_AT_ONCE = 50
"""Parts that are looked up in one round."""
_UNUSED_URL = "http://127.0.0.1"
Say = Callable[[str], None]


class CannotSend(Exception):
    """The stage cannot be reached; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Returns 0, or 1 when the file as a whole cannot be taken, with the reason on standard error."""
    options = _options(arguments)
    try:
        return _run(options)
    except (FileRefused, CannotSend, StartFailed, running_stacks.NoStack, LedgerUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nWhat was sent goes on by itself. Repeat the command to see how far it is.", file=sys.stderr)
        return 130


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local import", description="Sign the contacts of a CSV file up to a list."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="its first line names the columns; one is `email`")
    parser.add_argument("--account", required=True, metavar="A", help="an account of the configuration")
    parser.add_argument("--list", required=True, metavar="L", help="the provider's id of the list")
    parser.add_argument("--stage", type=stage_name, default=STAGE, help="a deployed one, with AWS credentials as usual")
    parser.add_argument("--dry-run", action="store_true", help="say what would be taken and refused, and send nothing")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    target = Target(options.account, options.list)
    stack = _stack(options)
    settings = _settings(options.stage, stack)
    if settings is not None:
        target.check(settings, now)
    else:
        _say(f"There is no configuration of {options.stage} here, so the account is checked only there.")
    file = ContactsFile(options.file, target, now)
    addresses = " or ".join(file.address_columns)
    _say(f"columns: {', '.join(file.columns)}; addresses in {addresses}")
    if not file.is_certain:
        own = "must be the list's own address column" if stack else "is taken for the list's own address column"
        _say(f"No column is called email, so {addresses} {own}. If it is not, call it email.")
    unchecked = NOBODY_ASKED if stack is None or settings is None else check_list(settings, target, file.columns)
    if unchecked:
        _say(unchecked)
    parts, counts = _read(file, target, options)
    if not parts:
        raise FileRefused(f"{options.file}: no line can be taken")
    if options.dry_run:
        _say(f"{counts}. Nothing was sent.")
        return 0
    _say(f"{counts}.")
    connection = connect(options.stage, stack)
    return Import(parts, connection, _say).run()


def _stack(options: argparse.Namespace) -> running_stacks.StackState | None:
    """Returns the running stack; None for a deployed stage, or for a dry run without one."""
    if options.stage != STAGE:
        return None
    try:
        return running_stacks.find(os.environ)
    except running_stacks.NoStack:
        if options.dry_run:
            return None
        raise


def _settings(stage: str, stack: running_stacks.StackState | None) -> Settings | None:
    """Reads the configuration that the stage has, as far as it is known here. Raises StartFailed."""
    named = Path(stack.config) if stack else read_options(os.environ).config
    if stage != STAGE and named is None:
        if not DEFAULT_PATH.exists():
            return None
        named = DEFAULT_PATH
    found = read_configuration(named)
    if found.has_sandbox:
        found = found.at_sandbox((stack and stack.sandbox) or _UNUSED_URL, _UNUSED_URL)
    deployed = {} if stage == STAGE else {"RELAIS_API_URL": names.FROM_REQUEST}  # links begin with what the stack has
    return found.check({**os.environ, "RELAIS_STAGE": stage, **deployed})


@dataclass
class Counts:
    """How many lines of a file would be taken, or not."""

    taken: int = 0
    refused: int = 0
    repeated: int = 0

    def __str__(self) -> str:
        repeated = f", repeated: {self.repeated}" if self.repeated else ""
        return f"can be taken: {self.taken}, refused: {self.refused}{repeated}"


def _read(file: ContactsFile, target: Target, options: argparse.Namespace) -> tuple[list[Part], Counts]:
    """Reads the whole file. Prints what is refused, and in a dry run every line."""
    counts = Counts()

    def counted() -> Any:
        for line in file.lines():
            counts.refused += line.refused is not None
            counts.repeated += line.repeats is not None
            counts.taken += line.refused is None and line.repeats is None
            if options.dry_run or line.refused is not None:
                _say(line.text)
            yield line

    return list(parts_of(counted(), target)), counts


@dataclass(frozen=True)
class Connection:
    """The queue and the ledger of a stage."""

    sqs: SQSClient
    queue_url: str
    find: Callable[[str], Mapping[str, Any] | None]
    """What `GET /events/{id}` answers."""


def connect(stage: str, stack: running_stacks.StackState | None) -> Connection:
    """Connects to the running stack, or to a deployed stage by the usual credentials. Raises CannotSend."""
    if stack is not None:
        environ = stack_environ(os.environ, stack.aws, Path(stack.config))
        os.environ.clear()
        os.environ.update(environ, AWS_DEFAULT_REGION=stack.region, AWS_REGION=stack.region)
    queue = names.queue(stage, "syncs")
    try:
        sqs = boto3.client("sqs", region())
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        table = Table(boto3.client("dynamodb", region()), names.table(stage, "ledger"))
    except (ClientError, BotoCoreError) as error:
        raise CannotSend(_reason(error, queue)) from None
    view = EventView(table, lambda account: AccountState(), lambda: datetime.now(UTC))
    return Connection(sqs, url, view.find)


def _reason(error: ClientError | BotoCoreError, queue: str) -> str:
    problem = access_problem(error, f"sqs:GetQueueUrl and sqs:SendMessage on {queue}, and to read the ledger")
    if problem is not None:
        return problem
    if "NonExistentQueue" in error_code(error):
        return f"There is no queue {queue} in this AWS account and region: is that stage deployed there?"
    return f"The queue {queue} cannot be used: {error}"


class Import:
    """Sends the parts that are not there yet, and follows all of them."""

    def __init__(
        self, parts: Sequence[Part], connection: Connection, say: Say, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._parts = parts
        self._connection = connection
        self._say = say
        self._sleep = sleep
        self._before: dict[str, Mapping[str, Any]] = {}
        """What was found under the id of a part that is sent again."""
        self._ended: dict[str, str] = {}
        """Status of each part that has ended."""
        self._reasons: dict[str, str] = {}
        self._contacts = sum(len(part.lines) for part in parts)

    def run(self) -> int:
        """Returns 1 if every part was refused or given up, else 0. Raises CannotSend, LedgerUnavailable."""
        sent = self._send()
        if sent:
            self._follow()
        return self._summary(sent)

    def _send(self) -> int:
        """Sends what was not sent before; returns how many parts."""
        sent = 0
        for part in self._parts:
            found = self._connection.find(part.id)
            if found is not None and not _may_be_sent_again(found):
                self._note(part, found, before=True)
                continue
            if found is not None:
                self._before[part.id] = found
            try:
                self._connection.sqs.send_message(QueueUrl=self._connection.queue_url, MessageBody=part.body)
            except (ClientError, BotoCoreError) as error:
                raise CannotSend(
                    f"{part.shown} could not be sent: {error}\nRepeat the command: what was sent is not sent twice."
                ) from None
            sent += 1
            self._say(f"{part.shown}: sent as {part.id}")
        return sent

    def _follow(self) -> None:
        """Looks until every part has ended, or nothing has changed for a while."""
        quiet = 0.0
        while (open_parts := [part for part in self._parts if part.id not in self._ended]) and quiet < QUIET_SECONDS:
            known = dict(self._reasons)
            for part in open_parts[:ASKED_AT_ONCE]:
                found = self._connection.find(part.id)
                if found is not None and found != self._before.get(part.id):
                    self._note(part, found)
            if self._reasons != known:
                quiet = 0.0
                continue
            self._sleep(POLL_SECONDS)
            quiet += POLL_SECONDS

    def _note(self, part: Part, found: Mapping[str, Any], *, before: bool = False) -> None:
        """Prints what became of a part, if that is new."""
        status = str(found["status"])
        delivery = found["deliveries"][0]
        reason = delivery["reason"] or ""
        if status != "pending":
            self._ended[part.id] = status
        text = f"{_in_words(status)}{f': {reason}' if reason else ''}"
        if before:
            text = f"sent before, at {found['accepted_at']}; {text}"
        if self._reasons.get(part.id) != text:
            self._reasons[part.id] = text
            self._say(f"{part.shown}: {text} ({self._done} of {self._contacts} contacts)")

    @property
    def _done(self) -> int:
        """How many contacts are in parts that were imported."""
        return sum(len(part.lines) for part in self._parts if self._ended.get(part.id) == "delivered")

    def _summary(self, sent: int) -> int:
        failed = [part for part in self._parts if self._ended.get(part.id) in ("refused", "parked")]
        unfinished = len(self._parts) - len(self._ended)
        if not sent and not failed:
            self._say("Nothing was sent: the same file was imported before.")
        elif unfinished:
            self._say("The rest goes on by itself, once it can. Repeat the command to see how far it is.")
        elif not failed:
            self._say("Every contact is stored as a signup; their deliveries follow, and `report` counts them.")
        for part in failed:
            self._say(
                f"{part.shown}: correct the file and import it again; if the account or the list was at fault, invoke "
                f'resend with {{"id": "{part.id}", "status": "{self._ended[part.id]}"}}'
            )
        return 1 if len(failed) == len(self._parts) else 0


def _may_be_sent_again(found: Mapping[str, Any]) -> bool:
    """True for a message that was refused as invalid: its id is free."""
    return found["status"] == "refused" and "message" in found


def _in_words(status: str) -> str:
    return {"pending": "under way", "delivered": "imported", "parked": "given up"}.get(status, status)


def _say(text: str) -> None:
    print(text, flush=True)
