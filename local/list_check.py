"""Asks the provider, before contacts are sent, whether their list is there and which fields it is known to have."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.config.model import Settings
from chalicelib.contact_import.signups import EMAIL, address_column, list_columns
from chalicelib.domain.errors import RelaisError
from chalicelib.jobs.errors import SyncRefused
from chalicelib.operators import check_words
from chalicelib.providers import registry
from chalicelib.providers.transport.session import Transport
from local.contacts_file import FileRefused, Target

BUDGET_SECONDS = 20.0
NOBODY_ASKED = "Not checked: whether the list is there and has these columns. The import shows it."


def check_list(settings: Settings, target: Target, columns: Sequence[str]) -> str | None:
    """Returns what could not be checked of the list and the file's columns, for people; None if nothing is open.

    It only reads. Raises FileRefused if the account has no such list, or the file no column for the list's addresses.
    """
    account = settings.accounts[target.account]
    spec = registry.spec(account.provider)
    provider = spec.connect(account, Transport())
    try:
        lists = provider.read_lists({target.list_id}, budget=BUDGET_SECONDS)
        if target.list_id not in lists:
            missing = check_words.of_missing_list(target.list_id, target.account, "--list", lists)
            raise FileRefused(f"{missing.problem}. {missing.do}")
        own = provider.address_field(target.list_id, budget=BUDGET_SECONDS)
        address_column(columns, lambda: own)
        known = [EMAIL, own, *provider.columns(target.list_id, budget=BUDGET_SECONDS)]
    except SyncRefused as error:
        raise FileRefused(f"The file cannot be taken: {error}.") from None
    except RelaisError as error:
        return f"Not checked: whether the list is there and has these columns. {spec.title} does not say: {error}"
    open_ones = [column for column in columns if column not in list_columns(columns, known)]
    if not open_ones:
        return None
    shown = ", ".join(open_ones)
    return f"The list is there. Not checked: whether it has the columns {shown}; {spec.title} does not tell."
