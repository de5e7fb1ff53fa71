"""A configuration with two accounts, one of which takes no signups, and one form."""

from __future__ import annotations

import pytest

from chalicelib.config.model import Form, Privacy, Settings
from chalicelib.config.secrets import Secret
from chalicelib.providers.account import Account


@pytest.fixture
def form() -> Form:
    return Form(
        name="footer",
        account="paris",
        list="4781",
        email_field="email",
        fields={"prenom": "firstname", "interest": "interests"},
    )


@pytest.fixture
def settings(form: Form) -> Settings:
    return Settings(
        accounts={"paris": Account("paris", "ediware"), "lettre": Account("lettre", "mailpartner")},
        privacy=Privacy((Secret.plain("placeholder"),)),
        forms={form.name: form},
    )
