"""The dashboard's pages of events: what needs a person, one event, one person's state, sending again and discarding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ....dashboard import events
from ....dashboard.events import MOST_AT_ONCE, EventsChoice
from ....delivery.deadline import Deadline
from ....domain.addresses import mailbox, normalise, unsubscribe_address
from ....domain.errors import FieldError
from ....domain.events import EventType, Status
from ....domain.ids import is_valid_id
from ....domain.times import parse_time
from ....ledger.attention import AttentionList
from ....ledger.attention_index import Listed
from ....ledger.confirmations import ConfirmationStore
from ....observability import redact
from ....operators.resend import ResendFilter, send_selected
from ....services import Services
from ...accept import wants_html
from ...http_messages import Request, Response
from ...pages.dashboard.events_texts import CONFIRM, EVENT, EVENTS, PERSON
from ...pages.dashboard.layout import Page
from ...problems import HttpProblem
from .access import DashboardAccess, first, missing, see_other

if TYPE_CHECKING:
    from ....providers.spec import Capabilities

_TIME_TO_ACT = timedelta(seconds=22)
"""API Gateway times out after 29 seconds."""
_NOT_SENT_AGAIN = ("discarded", "unconfirmed", "quarantined")
"""Reasons after which an event is erased."""
RESENDABLE = (Listed.PARKED, Listed.REFUSED, Listed.QUARANTINED)


class EventPages:
    """Shows events to a person, and sends them again or discards them.

    `find_event` returns the JSON of an event's status by id.
    """

    def __init__(
        self,
        services: Services,
        access: DashboardAccess,
        find_event: Callable[[str], Mapping[str, Any] | None],
        capabilities_of: Callable[[str], Capabilities | None],
    ) -> None:
        self._services = services
        self._access = access
        self._find_event = find_event
        self._capabilities_of = capabilities_of

    def show_all(self, request: Request) -> Response:
        """Returns what needs a person, as groups by reason and as single events. `?id=` redirects to that event."""
        page = self._access.page(request, "events")
        wanted = request.query.get("id", "").strip()
        if is_valid_id(wanted) and self._find_event(wanted) is not None:
            return see_other(page.link("events", wanted))
        accounts = self._accounts()
        choice = events.read_choice(request.query, accounts)
        account_of = {form.name: form.account for form in self._services.settings.forms.values() if form.confirm}
        within = self._services.settings.confirm_within
        listing = AttentionList(self._services.table)
        found = events.find(listing, choice, accounts, page.now, events.PAGE, account_of, within)
        groups = self._groups(page, accounts) if choice.is_any and not choice.cursor else []
        return page.render(
            "events",
            EVENTS,
            current="events",
            choice=choice,
            found=found,
            groups=groups,
            accounts=accounts,
            forms=tuple(self._services.settings.forms),
            statuses=[one.value for one in Listed],
            types=[EventType.SIGNUP.value, EventType.UNSUBSCRIBE.value],
            selectable=choice.status in RESENDABLE,
            unknown_id=wanted,
            redact=redact,
        )

    def _groups(self, page: Page, accounts: tuple[str, ...]) -> list[events.Group]:
        """Returns what needs a person by account, form and reason."""
        today = page.now.astimezone(UTC).date()
        since = today - timedelta(days=self._services.settings.privacy.keep_events_days)
        quarantined = self._found(EventsChoice(Listed.QUARANTINED), page, accounts)
        return events.groups(
            self._services.counts.read(since, today),
            accounts,
            quarantined.entries,
            more_quarantined=quarantined.cursor is not None,
        )

    def show(self, request: Request, event_id: str) -> Response:
        """Returns one event's history."""
        page = self._access.page(request, "events", event_id)
        event = self._find_event(event_id) if is_valid_id(event_id) else None
        if event is None:
            return missing(page, "There is no such event.")
        return page.render(
            "event",
            EVENT,
            current="events",
            event=event,
            moment=parse_time,
            resendable=bool(_statuses(event)),
            quarantined=Listed.QUARANTINED in _statuses(event),
            quarantine_cause=self._quarantine_cause(event_id) if Listed.QUARANTINED in _statuses(event) else "",
            suppressed=any(one["reason_code"] == "suppressed" for one in event["deliveries"]),
        )

    def _quarantine_cause(self, event_id: str) -> str:
        """Returns why an event is quarantined, as the name of a text: its doubt (`Doubt`), else the limit."""
        doubts = [one.event.doubt for one in self._services.events.load([event_id])]
        return doubts[0].name.lower() if doubts and doubts[0] is not None else "limit"

    def person(self, request: Request) -> Response:
        """Returns what is known of the address in the body of a POST, which appears in no URL, page or log.

        Raises HttpProblem (422) if a program sends something that is no address.
        """
        page, fields = self._access.action(request, "events")
        email, error = unsubscribe_address(first(fields, "address"))
        if error and not wants_html(request.headers):
            raise HttpProblem(422, "Some of the fields are wrong.", errors=[FieldError("address", error)])
        accounts = self._accounts()
        known = [] if error else self._person(email, accounts)
        load = self._services.events.load_well_formed
        waiting, more = (
            ([], False)
            if error
            else events.waiting_of(
                email, AttentionList(self._services.table), lambda ids: load(ids).stored, accounts, page.now
            )
        )
        return page.render(
            "person",
            PERSON,
            current="events",
            status=422 if error else 200,
            known=known,
            waiting=waiting,
            more=more,
            most=events.MOST_SEARCHED,
            mails=() if error else self._mails_to(email),
            incomplete=self._services.address_key_check.look().missing is not None,
            switch=False,
        )

    def _person(self, email: str, accounts: tuple[str, ...]) -> list[events.PersonAtAccount]:
        status_of = self._services.events.status
        states = self._services.subscriptions.of(email)
        return events.person(states, accounts, lambda account, event_id: status_of(event_id, account))

    def _mails_to(self, email: str) -> tuple[datetime, ...]:
        """Returns when the mailbox got confirmation mails, as far as it is known; nothing without double opt-in."""
        services = self._services
        if not any(form.confirm for form in services.settings.forms.values()):
            return ()
        store = ConfirmationStore(services.table, services.address_keys, services.events, services.counts)
        return store.mails_to(mailbox(normalise(email)))

    def preview(self, request: Request, action: str) -> Response:
        """Returns the page that asks before a group or the selected events are sent again or discarded."""
        page = self._access.page(request, "events", action)
        ids = tuple(one for one in request.query.get("event", "").split(",") if is_valid_id(one))
        accounts = self._accounts()
        choice = events.read_choice(request.query, accounts)
        found = None if ids else self._found(choice, page, accounts)
        number, more = (len(found.ids), found.cursor is not None) if found else (len(ids), False)
        return page.render(
            "confirm",
            CONFIRM,
            current="events",
            action=action,
            words="release" if action == "resend" and choice.status is Listed.QUARANTINED else action,
            number=number,
            more=more,
            most=MOST_AT_ONCE,
            hidden={**choice.parameters(), **({"event": ",".join(ids)} if ids else {})},
            choice=choice,
        )

    def act(self, request: Request, action: str) -> Response:
        """Sends a group or the selected events again, or discards them; then shows the list with what was done."""
        page, fields = self._access.action(request, "events")
        given = {name: first(fields, name) for name in fields}
        accounts = self._accounts()
        choice = events.read_choice(given, accounts)
        listed = Listed.QUARANTINED if action == "discard" and choice.status is None else choice.status
        if listed is None or listed not in ((Listed.QUARANTINED,) if action == "discard" else RESENDABLE):
            raise HttpProblem(
                422, "Choose what is parked, refused or quarantined; only what is quarantined is discarded."
            )
        ids = tuple(one for text in fields.get("event", ()) for one in text.split(",") if is_valid_id(one))
        back = page.link("events", **{**choice.parameters(), "code": ""})
        if first(fields, "selected") and not ids:
            return see_other(page.confirming(back, "none_selected"))
        if first(fields, "selected") and action == "discard":  # it cannot be undone, so a page asks first
            return see_other(page.link("events", action, **choice.parameters(), event=",".join(ids)))
        ids = (ids or self._found(replace(choice, status=listed, cursor=None), page, accounts).ids)[:MOST_AT_ONCE]
        account = None if listed is Listed.QUARANTINED else choice.account  # quarantined at all its accounts
        done = min(len(ids), self._send(page, listed, account, ids, action))
        return _done(page, back, listed, action, done)

    def act_on(self, request: Request, event_id: str, action: str) -> Response:
        """Sends one event again, or discards it; then shows it with what was done. Raises HttpProblem (404)."""
        page, fields = self._access.action(request, "events", event_id)
        event = self._event(event_id)
        # Sent again by its id, an event also resubscribes a person who had unsubscribed, so the box must be ticked.
        named = not any(one["reason_code"] == "suppressed" for one in event["deliveries"]) or first(fields, "undone")
        statuses = _statuses(event)
        wanted = [one for one in statuses if action == "resend" or one is Listed.QUARANTINED]
        done = [self._send(page, listed, None, (event_id,), action, named=bool(named)) for listed in wanted]
        listed = wanted[0] if wanted else Listed.REFUSED
        return _done(page, page.link("events", event_id), listed, action, int(any(done)))

    def _accounts(self) -> tuple[str, ...]:
        """Returns all accounts, also those that are no longer configured: their deliveries are shown, too."""
        return self._services.accounts.names(self._services.settings.accounts)

    def _event(self, event_id: str) -> Mapping[str, Any]:
        event = self._find_event(event_id) if is_valid_id(event_id) else None
        if event is None:
            raise HttpProblem(404, "There is no such event.")
        return event

    def _found(self, choice: EventsChoice, page: Page, accounts: tuple[str, ...]) -> events.Events:
        return events.find(AttentionList(self._services.table), choice, accounts, page.now, MOST_AT_ONCE)

    def _send(
        self, page: Page, listed: Listed, account: str | None, ids: tuple[str, ...], action: str, *, named: bool = False
    ) -> int:
        """Sends events again or discards them; `named`: also those otherwise left out. Returns how many deliveries."""
        status = Status.PENDING if listed is Listed.QUARANTINED else Status(listed.value)
        chosen: dict[str, Any] = {"id": ids[0]} if named else {"ids": ids}
        wanted = ResendFilter(status, account=account, discard=action == "discard", **chosen)
        deadline = Deadline(self._services.effects.clock() + _TIME_TO_ACT, self._services.effects.clock)
        by = f"session {page.session.mark}" if page.session else "admin key"
        return send_selected(self._services, self._capabilities_of, wanted, deadline, by=by)[0]


def _done(page: Page, location: str, listed: Listed, action: str, number: int) -> Response:
    """Sends the browser to a page that says what was done, in singular or plural."""
    done = "discarded" if action == "discard" else "released" if listed is Listed.QUARANTINED else "resent"
    return see_other(
        page.confirming(location, "nothing" if not number else f"{done}_one" if number == 1 else done, number)
    )


def _statuses(event: Mapping[str, Any]) -> list[Listed]:
    """Returns the states of an event's deliveries that a person can act on."""
    found = set()
    for delivery in event["deliveries"]:
        if delivery["status"] == "pending" and delivery["reason_code"] == "quarantined":
            found.add(Listed.QUARANTINED)
        elif delivery["status"] in ("parked", "refused") and delivery["reason_code"] not in _NOT_SENT_AGAIN:
            found.add(Listed(delivery["status"]))
    return [one for one in RESENDABLE if one in found]
