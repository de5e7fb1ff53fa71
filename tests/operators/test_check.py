"""`check`: every mistake in the configuration that a provider or a host can show is reported, with what to do."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import aws as clients
from chalicelib.config.load import load
from local.sandbox import Control, Sandbox, sample_config, start as start_sandbox
from tests.contract.scripted import Scripted, answer, endless, silence
from tests.operators.support import calls, the_problem
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

CSV = answer(b"email;prenom\na@example.com;Ana\n")
SILENCE = silence(30)
Checked = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    running = start_sandbox()
    yield running
    running.stop()


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    control = Control(sandbox.url)
    control.reset()
    control.forget_calls()
    return control


@pytest.fixture
def host() -> Iterator[Scripted]:
    """A host that serves whatever a test has it serve."""
    with Scripted(otherwise=CSV) as running:
        yield running


@pytest.fixture
def check(resources: TestAws, sandbox: Sandbox, control: Control, tmp_path: Path) -> Checked:
    """Checks the sample configuration, with parts of its text replaced, and more behind it."""

    def run(*replaced: tuple[str, str], more: str = "") -> dict[str, Any]:
        text = sample_config(sandbox.url)
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        config = tmp_path / "relais.toml"
        config.write_text(text + more)
        product = Product(load(config, os.environ), providers={})
        return product.container.check({}, FakeContext())

    return run


def serve(host: Scripted, reply: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host answer so; one that never answers is given up soon."""
    host.otherwise = reply
    if reply is not SILENCE:
        return
    monkeypatch.setattr("chalicelib.operators.check.JOB_SECONDS", 0.6)
    monkeypatch.setattr("chalicelib.operators.check.SOURCE_SECONDS", 0.6)


def source(url: str, **more: str) -> str:
    lines = {"url": json.dumps(url), "account": '"paris"', "list": '"4781"', "allow_private": "true", **more}
    return "[sources.crm]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items())


def test_a_right_configuration_has_no_problem_and_nothing_is_changed(
    check: Checked, control: Control, host: Scripted
) -> None:
    found = check(more=source(f"{host.url}/export.csv"))
    assert found["ok"]
    assert {section: list(found[section]) for section in ("accounts", "forms", "sources")} == {
        "accounts": ["paris", "lettre", "brussel"],
        "forms": ["footer", "nieuwsbrief"],
        "sources": ["crm"],
    }
    assert all(entry["problems"] == [] for part in ("accounts", "forms", "sources") for entry in found[part].values())
    assert found["accounts"]["paris"] == {"ok": True, "problems": [], "unchecked": []}
    [unchecked] = found["forms"]["footer"]["unchecked"]
    assert "does not tell" in unchecked, "Ediware has no call for the fields of a list"
    made = {call["function"] for call in control.calls()}
    assert made <= {"list_list", "me", "session_create", "lists", "subscribers", "profile"}, made


def test_the_sender_of_confirmation_mails_must_be_verified_at_ses(check: Checked, resources: TestAws) -> None:
    """Otherwise nobody who signs up would get a mail, and only an alarm would show it."""
    by_ses = ("[forms.footer]", '[forms.footer]\nconfirm = "ses"')
    mail = '\n[mail]\nfrom = "La Lettre <lettre@verified.example>"\nses_region = "eu-west-1"\n'
    said, do = the_problem(check(by_ses, more=mail)["forms"]["footer"])
    assert "is not verified there, in eu-west-1" in said
    assert "SES console" in do
    clients.client("sesv2", region_name="eu-west-1").create_email_identity(EmailIdentity="verified.example")
    assert check(by_ses, more=mail)["forms"]["footer"]["problems"] == []


@pytest.mark.parametrize(
    ("account", "key", "said", "do"),
    [
        (
            "paris",
            "sample-ediware-key",
            "Error api_key invalid (the key is wrong",
            "Compare api_key of [accounts.paris]",
        ),
        ("lettre", "sample-mailpartner-key", "Clé API incorrecte", "Compare the account's api_key"),
        (
            "brussel",
            "sample-mymailmarket-key",
            "invalid key or session (HTTP 401)",
            "username, password, site, api_key",
        ),
    ],
)
def test_a_wrong_key_is_said_and_hides_no_other_account(
    account: str, key: str, said: str, do: str, check: Checked
) -> None:
    found = check((key, "mistyped"))
    assert not found["ok"]
    problem, remedy = the_problem(found["accounts"][account])
    assert said in problem
    assert do in remedy
    assert "mistyped" not in json.dumps(found), "the key itself"
    assert [name for name, entry in found["accounts"].items() if not entry["ok"]] == [account]
    for name, form in {"footer": "paris", "nieuwsbrief": "brussel"}.items():
        if form == account:
            assert (
                the_problem(found["forms"][name])[0] == f"it cannot be checked while the account {form} has a problem"
            )
        else:
            assert found["forms"][name]["ok"]


def test_an_address_that_ediware_does_not_know_is_told_apart_from_a_wrong_key(check: Checked, control: Control) -> None:
    control.set("ediware", declared_ips=["192.0.2.1"], options={"ip_message": "Error api_key invalid"})
    problem, do = the_problem(check()["accounts"]["paris"])
    assert "the key is right" in problem
    assert "the IP address of this call is not declared" in problem
    assert "Elastic IP of the NAT gateway" in do
    assert "api_key" not in do


def test_a_refused_address_of_mailpartner_is_said(check: Checked, control: Control) -> None:
    control.fault(
        "status", status=200, body='{"success":false,"code":96,"message":"IP refusée"}', provider="mailpartner"
    )
    problem, do = the_problem(check()["accounts"]["lettre"])
    control.clear_faults()
    assert "IP refusée" in problem
    assert "Allow, in MailPartner's dashboard, the IP address" in do


def test_a_wrong_site_is_said(check: Checked) -> None:
    problem, do = the_problem(check(('site_id = "0616074266001"', 'site_id = "616074266001"'))["accounts"]["brussel"])
    assert "site_id" in problem
    assert "13 digits, with the leading zero" in do


def test_a_list_that_is_not_there_names_the_lists_that_are(check: Checked) -> None:
    found = check(('"4781"', '"4871"'), ('"0616074266229"', '"616074266229"'))
    assert all(entry["ok"] for entry in found["accounts"].values())
    problem, do = the_problem(found["forms"]["footer"])
    assert problem == 'the account paris has no list "4871"'
    assert do == (
        'Did you mean "4781"? Put the id of one of its lists into list of [forms.footer], in quotes: '
        '"4781" (Newsletter), "4782" (Clients), "4783" (Archive protégée), "4790" (Filiale).'
    )
    problem, do = the_problem(found["forms"]["nieuwsbrief"])
    assert problem == 'the account brussel has no list "616074266229"'
    assert do.startswith('Did you mean "0616074266229"? ')
    assert '"0616074266230" (Klanten).' in do


def test_a_field_that_is_not_there_names_the_closest_and_all_others(check: Checked) -> None:
    found = check(('"FirstName"', '"first_name"'))["forms"]["nieuwsbrief"]
    problem, do = the_problem(found)
    assert problem == 'the list has no field "first_name"'
    assert do.startswith(
        'Did you mean "FirstName"? Correct it in [forms.nieuwsbrief.fields]. The list has: FirstName, '
    )


def test_a_field_that_goes_to_the_column_of_the_address_is_said(check: Checked) -> None:
    problem, do = the_problem(check(('nom = "nom"', 'nom = "Email"'))["forms"]["footer"])
    assert problem == '"nom" = "Email" is the list\'s field for the address, which Relais fills itself'
    assert "Take it out of [forms.footer.fields]" in do


def test_fields_of_an_empty_list_are_not_claimed_to_be_wrong(check: Checked, control: Control) -> None:
    control.set("mymailmarket", add_list={"id": "0616074266299", "name": "Nieuw"})
    found = check(('"0616074266229"', '"0616074266299"'))["forms"]["nieuwsbrief"]
    assert found["ok"]
    assert len(found["unchecked"]) == 1


@pytest.mark.parametrize(
    ("reply", "said", "do"),
    [
        (answer(b"<html>Welcome</html>"), "an HTML page instead of JSON (HTTP 200)", "base_url"),
        (answer(b"<html>Not found</html>", 404), "HTTP 404", "base_url"),
        (answer(b"", 301, {"Location": "https://www.example.com"}), "redirects elsewhere", "base_url"),
        (answer(b"", 503), "not available (HTTP 503)", "Check again later"),
        (SILENCE, "no answer in time", "base_url"),
    ],
    ids=["page", "404", "redirect", "503", "silence"],
)
@pytest.mark.parametrize(
    ("account", "path"),
    [("paris", "/ediware/api_http"), ("lettre", "/mailpartner/v1"), ("brussel", "/mymailmarket/V2.svc")],
)
def test_an_address_where_no_api_answers_is_said(
    account: str,
    path: str,
    reply: Any,
    said: str,
    do: str,
    check: Checked,
    sandbox: Sandbox,
    host: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    serve(host, reply, monkeypatch)
    problem, remedy = the_problem(check((f"{sandbox.url}{path}", f"{host.url}/wrong"))["accounts"][account])
    assert said in problem
    assert do in remedy


def test_a_host_that_nobody_listens_at_is_said(check: Checked, sandbox: Sandbox) -> None:
    with Scripted() as gone:
        url = gone.url
    problem, do = the_problem(check((f"{sandbox.url}/mailpartner/v1", f"{url}/v1"))["accounts"]["lettre"])
    assert "no connection to the provider (refused)" in problem
    assert "base_url" in do


@pytest.mark.parametrize(
    ("reply", "said", "do"),
    [
        (answer(b"gone", 404), "no file (HTTP 404)", "There is no file at this address"),
        (answer(b"", 401), "no file (HTTP 401)", "wants a login"),
        (answer(b"<!doctype html><html>Login</html>"), "an HTML page instead of a CSV file", "not logged in"),
        (answer(b"prenom;nom\nAna;A\n"), "there is no column email", "Open the url of [sources.crm]"),
        (answer(b""), "the file is empty", "Open the url of [sources.crm]"),
        (answer(b"", 500), "the host failed (HTTP 500)", "Check again later"),
        (SILENCE, "the host takes too long", "Check again later"),
    ],
    ids=["404", "401", "page", "columns", "empty", "500", "silence"],
)
def test_a_source_that_cannot_be_read_is_said(
    reply: Any, said: str, do: str, check: Checked, host: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(host, reply, monkeypatch)
    found = check(more=source(f"{host.url}/export.csv?key=hidden"))
    problem, remedy = the_problem(found["sources"]["crm"])
    assert said in problem
    assert do in remedy
    assert "hidden" not in json.dumps(found)


def test_a_source_on_a_private_network_is_not_read(check: Checked) -> None:
    more = source("https://127.0.0.1/export.csv", allow_private="false")
    problem, _ = the_problem(check(more=more)["sources"]["crm"])
    assert "allow_private = true would allow it" in problem


def test_only_the_beginning_of_a_large_file_is_read(check: Checked, host: Scripted) -> None:
    sent = threading.Event()

    def large(line: Any) -> None:
        line.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\nemail;nom\n")
        for _ in range(100_000):
            line.send(b"a@example.com;Nom\n" * 1000)
        sent.set()

    host.otherwise = large
    assert check(more=source(f"{host.url}/export.csv"))["sources"]["crm"]["ok"]
    assert not sent.is_set()


def test_a_file_without_a_first_line_is_not_read_to_its_end(check: Checked, host: Scripted) -> None:
    host.otherwise = endless(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n", b"\n" * 65536, 100_000)
    assert "the file is empty" in the_problem(check(more=source(f"{host.url}/export.csv"))["sources"]["crm"])[0]


def test_the_list_of_a_source_is_checked(check: Checked, host: Scripted) -> None:
    found = check(more=source(f"{host.url}/export.csv", list='"9999"'))
    problem, do = the_problem(found["sources"]["crm"])
    assert problem == 'the account paris has no list "9999"'
    assert "list of [sources.crm]" in do


def test_a_source_that_the_provider_fetches_is_not_fetched(check: Checked, host: Scripted) -> None:
    found = check(more=source(f"{host.url}/export.csv", fetch='"provider"'))["sources"]["crm"]
    assert found["ok"]
    assert "fetches it itself" in found["unchecked"][0]
    assert host.received == []


def test_a_secret_that_cannot_be_read_is_said(check: Checked) -> None:
    found = check(("sample-ediware-key-not-a-secret", "secret:relais/paris#api_key"))
    problem, do = the_problem(found["accounts"]["paris"])
    assert "secret:relais/paris#api_key cannot be used" in problem
    assert do


def test_an_address_key_that_cannot_be_read_is_a_problem_of_every_account(check: Checked) -> None:
    found = check(("sample-address-key-only-for-this-machine-0000", "secret:relais/privacy#k1"))
    assert not found["ok"]
    for account in found["accounts"].values():
        *_, problem = account["problems"]
        assert "privacy.address_keys" in problem["problem"]
        assert "secret:relais/privacy#k1 cannot be used" in problem["problem"]
        assert "no signup and no unsubscribe is accepted" in problem["do"]


@pytest.mark.parametrize(
    ("key", "value", "consequence"),
    [
        ("api.admin_key", "sample-admin-key-only-for-this-machine-0000", "nobody gets to the dashboard"),
        ("unsubscribe.keys", "sample-unsubscribe-key-only-for-this-machine-0000", "links in mails are not made"),
        ("webhooks.shop.secret", "whsec_c2FtcGxlLXdlYmhvb2sta2V5LW9ubHktZm9yLXRoaXMtbWFjaGluZQ==", "what is signed"),
    ],
)
def test_another_key_that_cannot_be_read_is_a_problem_of_every_account(
    check: Checked, key: str, value: str, consequence: str
) -> None:
    found = check((value, "secret:relais/lost#key"))
    assert not found["ok"]
    for account in found["accounts"].values():
        *_, problem = account["problems"]
        assert key in problem["problem"] and "secret:relais/lost#key cannot be used" in problem["problem"]
        assert consequence in problem["do"]


def test_a_check_needs_no_more_rights_than_its_role_has(
    resources: TestAws, sandbox: Sandbox, control: Control, tmp_path: Path
) -> None:
    config = tmp_path / "relais.toml"
    config.write_text(sample_config(sandbox.url))
    product = Product(load(config, os.environ), providers={})
    made = calls(product)
    assert product.container.check({}, FakeContext())["ok"]
    assert set(made) == {"GetItem", "UpdateItem"}


def test_an_open_session_does_not_hide_a_login_that_fails_now(
    resources: TestAws, sandbox: Sandbox, control: Control, tmp_path: Path
) -> None:
    config = tmp_path / "relais.toml"
    config.write_text(sample_config(sandbox.url))
    container = Product(load(config, os.environ), providers={}).container
    container.provider("brussel").read_lists((), budget=5)
    assert container.check({}, FakeContext())["ok"]
    control.set("mymailmarket", password="changed by somebody")
    container.provider("brussel").read_lists((), budget=5)
    assert [name for name, one in container.check({}, FakeContext())["accounts"].items() if not one["ok"]] == [
        "brussel"
    ]
