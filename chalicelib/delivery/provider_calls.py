"""Makes the calls of one account's provider for claimed rows; failures are returned, not raised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from ..config.model import Form
from ..domain.addresses import Reading, readings
from ..domain.errors import Kind, ProviderError, SecretUnavailable
from ..domain.events import Event, EventType
from ..domain.reasons import ReasonCode
from ..observability import logger
from ..providers.spec import Capabilities, Contact, Occasion, Provider
from .batching import Group
from .claimed import ClaimedDelivery, ClaimedRow
from .deadline import Deadline

REFUSALS = (Kind.CONTACT, Kind.CALLER)


@dataclass(frozen=True, slots=True)
class ProviderCalls:
    """The calls of one invocation to one account. Each method returns a failure, whatever it is, as a ProviderError."""

    account: str
    provider: Provider
    capabilities: Capabilities
    forms: Mapping[str, Form]
    link_to: Callable[[str], str]
    deadline: Deadline

    def send(self, group: Group, part: Sequence[ClaimedRow]) -> ProviderError | None:
        """Signs up the people of `part`, or unsubscribes its only person."""
        return self._error_of(partial(self._send, group, part))

    def lift_suppression(self, list_id: str | None, row: ClaimedRow) -> ProviderError | None:
        """Lifts the suppression of a row's person, who may be signed up again then."""
        email, provider_id, budget = row[-1].task.event.email, row[-1].provider_id, self.deadline.seconds_left
        return self._error_of(
            lambda: self.provider.lift_suppression(email, list_id=list_id, provider_id=provider_id, budget=budget)
        )

    def probe(self) -> ProviderError | None:
        """Makes a call that changes nothing, to see whether the provider answers."""
        return self._error_of(lambda: self.provider.probe(budget=self.deadline.seconds_left))

    def missing_list(self, list_id: str) -> ProviderError | None:
        """Checks whether the list exists, before rows are refused because of its absence; None if it does."""
        try:
            if self.provider.list_exists(list_id, budget=self.deadline.seconds_left):
                return None
        except (ProviderError, SecretUnavailable) as error:
            if isinstance(error, SecretUnavailable):
                return ProviderError(Kind.ACCOUNT, str(error), reason_code=ReasonCode.SECRET_UNAVAILABLE)
            if error.kind is Kind.UNKNOWN:  # the call changes nothing
                return ProviderError(Kind.LATER, error.message)
            return ProviderError(error.kind, error.message, reason_code=error.reason_code)
        return ProviderError(Kind.ACCOUNT, f"the list {list_id} is not there any more", list_only=True)

    def _send(self, group: Group, part: Sequence[ClaimedRow]) -> None:
        match group.event_type:
            case EventType.UNSUBSCRIBE:
                self._unsubscribe(part[0][0])
            case EventType.SIGNUP:
                if group.list is not None:  # without a list only the suppression was to be lifted
                    contacts = [self._contact([claimed.task.event for claimed in row]) for row in part]
                    self.provider.sign_up(group.list, contacts, budget=self.deadline.seconds_left)
            case _:
                assert_never(group.event_type)

    def _contact(self, events: Sequence[Event]) -> Contact:
        """Builds the contact of one row: per field the latest value, and an unsubscribe link where a form asks for one.

        The link is made for the call and not stored: every link differs, so the same event would look like another.
        """
        fields = {name: value for event in events for name, value in event.fields.items()}
        email = events[-1].email
        # A copy has the form's own fields, and the link is none of them.
        for form in (self.forms.get(event.form or "") for event in events if not event.is_copy(self.account)):
            if form and form.unsubscribe_url_field:
                fields[form.unsubscribe_url_field] = self.link_to(email)
        return Contact(email, fields, _occasion(events[-1]))

    def _unsubscribe(self, claimed: ClaimedDelivery) -> None:
        """Unsubscribes each spelling of an address; the clean one decides, of two readings one accepted is enough.

        A refusal of another spelling means that the provider does not have it. A receiver of events gets the clean
        spelling alone: it drops further notices under the same id, and all spellings are the same person.

        Raises:
            ProviderError: The refusal, or a temporary failure of any spelling: repeating all of them is harmless.
        """
        refusals: list[ProviderError] = []
        claimed.rows = []
        for attempt in claimed.attempts:
            rows: list[str] = []
            reading = attempt.reading
            for spelling in (reading.clean,) if self.capabilities.receives_events else reading.spellings:
                try:
                    row = self._unsubscribe_spelling(attempt.event, spelling, _occasion(attempt.event, reading))
                    rows += [row] if row is not None else []
                except ProviderError as error:
                    if error.kind not in REFUSALS and not error.row_only:
                        raise
                    if spelling == reading.clean:
                        refusals.append(error)
            if rows:
                claimed.rows.append((attempt, rows[0] if len(rows) == 1 else None))
        if len(refusals) == len(claimed.attempts):
            raise refusals[0]

    def _unsubscribe_spelling(self, event: Event, email: str, occasion: Occasion) -> str | None:
        """Unsubscribes an address; deletes it instead if the person asked for that and the provider can."""
        budget = self.deadline.seconds_left
        if event.forget and self.capabilities.deletes_subscribers:
            self.provider.forget(email, budget=budget, occasion=occasion)
            return None
        return self.provider.unsubscribe(email, global_scope=event.scope == "global", budget=budget, occasion=occasion)

    def _error_of(self, call: Callable[[], None]) -> ProviderError | None:
        """Makes a call; returns its error as a ProviderError, or None if it succeeded."""
        try:
            call()
        except ProviderError as error:
            return error
        except SecretUnavailable as error:
            return ProviderError(Kind.ACCOUNT, str(error), reason_code=ReasonCode.SECRET_UNAVAILABLE)
        except Exception as error:
            # Any exception: a client that fails unexpectedly may have done its work first. It must neither repeat it
            # every minute nor stop other accounts. Only the type is reported: the message may hold an address.
            logger.exception("provider client failed unexpectedly", extra={"account": self.account})
            return ProviderError(Kind.UNKNOWN, f"{type(error).__name__} in the provider's client")
        return None


def _occasion(event: Event, reading: Reading | None = None) -> Occasion:
    """Returns the event that a call is made for; `reading` is the mailbox that its address is taken to mean."""
    door = event.door or (event.consent.door if event.consent else None)
    origin = door.value if door else "form" if event.form is not None else "other"
    number = 1 if reading is None else readings(event.email).index(reading) + 1
    return Occasion(event.id, event.occurred_at, origin, event.form, event.list or None, number)
