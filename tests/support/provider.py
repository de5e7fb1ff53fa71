"""A provider in memory, for tests of what the engine makes of a provider's answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.providers.spec import (
    CampaignFigures,
    Contact,
    KnownCampaign,
    Mail,
    Occasion,
    Unsubscribed,
    Unsubscribes,
)

Rule = Callable[[str, Sequence[str]], ProviderError | None]


@dataclass
class FakeProvider:
    """Records its calls. `rule(verb, emails)` can fail a call before it takes effect; `after` afterwards."""

    rule: Rule | None = None
    after: Rule | None = None
    lists: set[str] = field(default_factory=lambda: {"4781"})
    rows: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    unsubscribed_emails: list[str] = field(default_factory=list)
    """Addresses of unsubscribe calls."""
    row_ids: dict[str, str] = field(default_factory=dict)
    """Ids of the rows created by unsubscribes, by address."""
    lifts: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """Address, list and row id of every unsubscribe that was taken back."""
    forgotten: list[str] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    unsubscribed_rows: list[Unsubscribed | None] = field(default_factory=list)
    """Rows that reading unsubscribes returns."""
    mailed: list[str] = field(default_factory=list)
    """Addresses that reading subscribers returns."""
    calls: list[tuple[str, int]] = field(default_factory=list)
    address_column: str = "email"
    columns_of_list: Sequence[str] = ()
    fetched: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        assert budget > 0
        emails = [contact.email for contact in contacts]
        self._begin("sign_up", emails)
        with self._lock:
            self.rows += [(list_id, contact.email, contact.fields) for contact in contacts]
        self._end("sign_up", emails)

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        self._begin("unsubscribe", [email])
        with self._lock:
            self.unsubscribed_emails.append(email)
        self._end("unsubscribe", [email])
        return self.row_ids.get(email)

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        assert budget > 0
        self._begin("lift", [email])
        with self._lock:
            self.lifts.append((email, list_id, provider_id))
        self._end("lift", [email])

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        assert budget > 0
        self._begin("forget", [email])
        with self._lock:
            self.forgotten.append(email)
        self._end("forget", [email])

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        assert budget > 0
        self._begin("mail", [mail.to])
        with self._lock:
            self.mails.append(mail)
        self._end("mail", [mail.to])

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        self._begin("unsubscribed", [])
        return Unsubscribes(self.unsubscribed_rows)

    def subscribed(self, *, budget: float) -> Iterator[str]:
        self._begin("subscribed", [])
        return iter(self.mailed)

    def probe(self, *, budget: float) -> None:
        assert budget > 0
        self._begin("probe", [])

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        assert budget > 0
        self._begin("read_lists", [])
        return {list_id: f"List {list_id}" for list_id in sorted(self.lists)}

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        self.calls.append(("list_exists", 0))
        return list_id in self.lists

    def address_field(self, list_id: str, *, budget: float) -> str:
        self._begin("address_field", [])
        return self.address_column

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        self._begin("columns", [])
        return self.columns_of_list

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        assert budget > 0
        self._begin("fetch_list", [])
        self.fetched.append((list_id, url))
        self._end("fetch_list", [])

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        return ()

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        raise ProviderError(Kind.CALLER, "not here")

    def calls_of(self, verb: str) -> int:
        """Return how many calls of a verb were made."""
        return sum(1 for name, _ in self.calls if name == verb)

    @property
    def emails(self) -> list[str]:
        """The addresses signed up, in order, doubles and all."""
        return [email for _, email, _ in self.rows]

    def _begin(self, verb: str, emails: Sequence[str]) -> None:
        with self._lock:
            self.calls.append((verb, len(emails)))
        self._ask(self.rule, verb, emails)

    def _end(self, verb: str, emails: Sequence[str]) -> None:
        self._ask(self.after, verb, emails)

    @staticmethod
    def _ask(rule: Rule | None, verb: str, emails: Sequence[str]) -> None:
        error = rule(verb, emails) if rule else None
        if error is not None:
            raise error
