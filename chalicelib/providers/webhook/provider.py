"""Implements the `Provider` protocol for a back end: every call posts one notice, and the answer's status decides."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...domain.errors import Kind, ProviderError
from ...domain.reasons import ReasonCode
from ..functions import invalid, unsupported
from ..spec import CampaignFigures, Contact, KnownCampaign, Mail, Occasion, Unsubscribes
from ..transport.exchange import Call, StreamedAnswer, seconds_to_wait
from .notices import Notice

if TYPE_CHECKING:
    from ..account import Account
    from ..transport.session import Transport

_NAME = "Webhook"
_LABEL = "notice"
_LONGEST_CALL = 20.0
"""Seconds for a whole notice."""
_READ_TIMEOUT = 10.0
_MOST_READ = 64 * 1024
"""Bytes of an answer that are read, only so that its connection can be used again."""
_LONGEST_BODY = 2.0
"""Seconds for reading them: a back end that lets its answer drip must not hold up a worker with each notice."""
OWNER_MUST_ACT = {
    401: "The back end does not accept the signature: compare the secret with the one that it checks with.",
    403: "The back end turns the notices away: compare the secret, and let Relais in.",
    404: "Nothing takes notices at this address: compare url, letter by letter, with the one that the back end has.",
    410: "The back end wants no more notices at this address: give url its new one, or take the account out.",
}
REFUSED = (400, 422)


class BackEnd:
    """One account: one URL, to which each event is posted as a notice of its own."""

    def __init__(self, account: Account, transport: Transport) -> None:
        self._account = account
        self._transport = transport

    def sign_up(self, list_id: str, contacts: Sequence[Contact], *, budget: float) -> None:
        """Posts the notice of a signup. Raises `ProviderError` (contact) when the back end refuses it."""
        if len(contacts) > 1:
            raise invalid("sign_up", "takes one contact a call")
        for contact in contacts:
            notice = Notice("subscriber.signed_up", contact.email, _given(contact.occasion), contact.fields)
            self._post(notice, budget)

    def unsubscribe(
        self, email: str, *, global_scope: bool, budget: float, occasion: Occasion | None = None
    ) -> str | None:
        """Posts the notice of an unsubscribe, whatever `global_scope` says; a refused one is posted again later."""
        self._post(Notice("subscriber.unsubscribed", email, _given(occasion)), budget)
        return None

    def lift_suppression(self, email: str, *, list_id: str | None, provider_id: str | None, budget: float) -> None:
        """Does nothing: the notice of the signup, which follows, is enough."""

    def forget(self, email: str, *, budget: float, occasion: Occasion | None = None) -> None:
        """Posts the notice that the person asked to be forgotten; otherwise as `unsubscribe`."""
        self._post(Notice("subscriber.forgotten", email, _given(occasion)), budget)

    def send_mail(self, mail: Mail, *, budget: float) -> None:
        """Not offered."""
        raise unsupported(_NAME, "sending mails")

    def probe(self, *, budget: float) -> None:
        """Not needed: a repeated notice is harmless."""
        raise unsupported(_NAME, "a probe")

    def read_lists(self, wanted: Collection[str], *, budget: float) -> Mapping[str, str]:
        """Reads the secret, and resolves and checks the host's address; posts nothing. There are no lists to return."""
        self._account.reveal("secret")
        self._transport.check_host(self._call(budget, {}, b""))
        return dict.fromkeys(wanted, _NAME)

    def list_exists(self, list_id: str, *, budget: float) -> bool:
        """Returns True: a list is only a name in the notices."""
        return True

    def address_field(self, list_id: str, *, budget: float) -> str:
        """Returns the name of the address in the notices."""
        return "email"

    def columns(self, list_id: str, *, budget: float) -> Sequence[str]:
        """Returns nothing: a back end accepts any field."""
        return ()

    def fetch_list(self, list_id: str, url: str, *, budget: float) -> None:
        """Not offered."""
        raise unsupported(_NAME, "fetching a file")

    def unsubscribed(self, *, budget: float) -> Unsubscribes:
        """Not offered: a back end sends its unsubscribes itself, as signed events."""
        raise unsupported(_NAME, "reading its unsubscribes")

    def subscribed(self, *, budget: float) -> Iterator[str]:
        """Not offered."""
        raise unsupported(_NAME, "reading its subscribers")

    def campaigns(self, *, budget: float, known: Sequence[KnownCampaign] = ()) -> Iterable[CampaignFigures]:
        """Returns nothing: there are no campaigns."""
        return ()

    def call(self, function: str, params: Mapping[str, Any], *, budget: float) -> Any:
        """Not offered: every notice is about an event."""
        raise unsupported(_NAME, "functions to be called by name")

    def _post(self, notice: Notice, budget: float) -> None:
        body = notice.body()
        headers = notice.headers(body, self._account.reveal("secret"), int(time.time()))
        call = self._call(budget, headers, body)
        for _ in self._transport.stream(call, partial(self._read, notice)):
            pass

    def _call(self, budget: float, headers: Mapping[str, str], body: bytes) -> Call:
        url = str(self._account.options["url"])
        return Call(
            account=self._account.name,
            label=_LABEL,
            method="POST",
            url=url,
            changes=True,
            budget=min(budget, _LONGEST_CALL),
            headers=headers,
            body=body,
            read_timeout=_READ_TIMEOUT,
            # The configuration allows http to a literal loopback address alone, on this machine.
            allow_private=self._account.options.get("allow_private") is True or url.startswith("http://"),
            reads_redirects=True,
            body_budget=_LONGEST_BODY,
            remedy=f"Compare url of [accounts.{self._account.name}] with the back end's address, or try again later.",
        )

    def _read(self, notice: Notice, answer: StreamedAnswer) -> Iterator[None]:
        """Decides by the status alone, whatever the body is. Raises `ProviderError` unless it is a success."""
        if not answer.is_success:
            raise self._error(notice, answer)
        size = 0
        try:
            for part in answer.slices():
                size += len(part)
                if size > _MOST_READ:
                    break
        except ProviderError:
            return  # the status has decided
        yield from ()

    def _error(self, notice: Notice, answer: StreamedAnswer) -> ProviderError:
        status = answer.status
        code = str(status)
        if status in OWNER_MUST_ACT:
            message = f"{_LABEL}: the back end answers HTTP {status}"
            return ProviderError(Kind.ACCOUNT, message, provider_code=code, remedy=OWNER_MUST_ACT[status])
        if status not in REFUSED:
            overload = answer.overload()
            reason = overload.reason_code if overload is not None and status in (429, 503) else None
            wait = seconds_to_wait(answer.headers.get("Retry-After"))
            message = f"{_LABEL}: the back end does not take it now (HTTP {status})"
            return ProviderError(Kind.LATER, message, provider_code=code, retry_after=wait, reason_code=reason)
        message = f"{_LABEL}: the back end refuses it (HTTP {status})"
        if notice.type == "subscriber.signed_up":
            return ProviderError(Kind.CONTACT, message, provider_code=code)
        return ProviderError(
            Kind.LATER, message, provider_code=code, row_only=True, reason_code=ReasonCode.REJECTED_BY_PROVIDER
        )


def _given(occasion: Occasion | None) -> Occasion:
    """Returns the event of the notice. Raises `ProviderError` (caller) if there is none."""
    if occasion is None:
        raise invalid(_LABEL, "there is no event for the notice")
    return occasion
