"""`check` over providers in memory: how lists and fields are named, and what it logs, counts and stores."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config.model import Form, Source
from chalicelib.contact_import.source import Fetcher
from chalicelib.delivery.deadline import Deadline
from chalicelib.domain.errors import LedgerUnavailable
from chalicelib.ledger.check_results import MOST_STORED, CheckedProblem, CheckResultStore
from chalicelib.observability import metrics
from chalicelib.operators.check import Check
from tests.operators.support import the_problem
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product, settings


def with_fakes(product: Product, milliseconds: int = 120_000, **event: Any) -> dict[str, Any]:
    """What `check` answers over the providers in memory."""
    check = Check(product.container, product.providers.__getitem__, Fetcher(), lambda: ([], []))
    return check.handle(event, Deadline.of(FakeContext(milliseconds), product.clock))


@pytest.mark.seconds
def test_an_account_that_does_not_end_hides_nothing(product: Product) -> None:
    never = threading.Event()
    product.paris.rule = lambda *_: never.wait(30) and None
    found = with_fakes(product, milliseconds=5_000)
    never.set()
    assert the_problem(found["accounts"]["paris"])[0] == "it was not checked to the end in the function's time"
    assert not found["forms"]["footer"]["ok"]
    assert found["accounts"]["lyon"]["ok"]


def test_a_defect_in_one_provider_hides_nothing(product: Product) -> None:
    def fails(*_: object) -> None:
        raise ValueError("a defect about person@example.com")

    product.paris.rule = fails
    found = with_fakes(product)
    assert the_problem(found["accounts"]["paris"])[0] == "the check itself failed (ValueError)"
    assert found["accounts"]["lyon"]["ok"]


def test_of_many_lists_ten_are_named(product: Product) -> None:
    product.paris.lists = {str(number) for number in range(100, 123)}
    problem, do = the_problem(with_fakes(product)["forms"]["footer"])
    assert problem == 'the account paris has no list "4781"'
    assert do.count("(List ") == 10
    assert do.endswith(" and 13 more.")


def test_names_of_lists_show_no_address(product: Product) -> None:
    product.paris.lists = {"ana@example.com"}
    found = with_fakes(product)
    assert "(List …@…)" in the_problem(found["forms"]["footer"])[1]
    assert "ana@" not in json.dumps(found)


def test_a_field_unlike_all_that_were_seen_is_a_problem_only_beside_one_that_was_seen(product: Product) -> None:
    product.paris.columns_of_list = ("email", "Status", "FirstName")
    for fields, wrong in (({"a": "Ville"}, False), ({"a": "Ville", "b": "FirstName"}, True)):
        product.settings = replace(product.settings, forms={"footer": Form("footer", "paris", "4781", "email", fields)})
        product.restart()
        found = with_fakes(product)["forms"]["footer"]
        if wrong:
            problem, do = the_problem(found)
            assert problem == 'the list has no field "Ville"'
            assert do.startswith("If nobody on the list has it yet, leave it.")
        else:
            assert found["ok"]
            assert found["unchecked"] == [
                'its field "Ville", which was not seen on the list. The list has: FirstName, Status, email.'
            ]


def test_the_field_of_the_unsubscribe_link_is_checked(product: Product) -> None:
    form = Form("footer", "paris", "4781", "email", {}, unsubscribe_url_field="lien_desabo")
    product.settings = replace(product.settings, forms={"footer": form})
    product.restart()
    product.paris.columns_of_list = ("email", "lien_desabonnement")
    assert the_problem(with_fakes(product)["forms"]["footer"])[0] == 'the list has no field "lien_desabo"'


def test_an_account_without_a_list_is_said(product: Product) -> None:
    product.paris.lists = set()
    assert "make one there" in the_problem(with_fakes(product)["forms"]["footer"])[1]


@pytest.mark.parametrize(
    ("configured", "near"),
    [("PRENOM", "prenom"), ("Prénom", "prenom"), ("pre_nom", "prenom"), ("prenon", "prenom"), ("xyz", None)],
)
def test_near_matches_look_past_case_accents_and_separators(
    configured: str, near: str | None, product: Product
) -> None:
    form = Form("footer", "paris", "4781", "email", {"voornaam": configured}, unsubscribe_url_field="lien")
    product.settings = replace(product.settings, forms={"footer": form})
    product.restart()
    product.paris.columns_of_list = ("email", "prenom", "lien", "ville")
    problem, do = the_problem(with_fakes(product)["forms"]["footer"])
    assert problem == f'the list has no field "{configured}"'
    assert do.startswith(f'Did you mean "{near}"?' if near else "If nobody")
    assert do.endswith("The list has: email, lien, prenom, ville.")


def test_the_result_is_logged_counted_and_stored(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    product.paris.lists = {"12"}
    store = CheckResultStore(product.container.table)
    assert store.read() is None
    metrics.flush()
    with_fakes(product)
    assert "check problem" not in capsys.readouterr().out, "it is in the answer"
    metrics.flush()
    capsys.readouterr()
    with_fakes(product, source="aws.events")
    metrics.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [warning] = [line for line in lines if line.get("message") == "check problem"]
    assert (warning["level"], warning["account"], warning["about"]) == ("WARNING", "paris", "form footer")
    assert warning["do"]
    counted = {line["account"]: line["check_problems"] for line in lines if "check_problems" in line}
    assert counted == {"paris": 1, "lyon": 0}
    result = store.read()
    assert result is not None
    assert (result.at, result.count) == (product.clock(), 1)
    assert result.problems[0].about == "form footer"
    product.paris.lists = {"4781"}
    product.clock.forward(days=7)
    with_fakes(product)
    result = store.read()
    assert result is not None
    assert (result.at, result.count, result.problems) == (product.clock(), 0, ())


def test_of_many_problems_the_first_are_stored_and_all_are_counted(product: Product) -> None:
    store = CheckResultStore(product.container.table)
    store.write(product.clock(), [CheckedProblem(f"form {n}", "wrong", "correct it") for n in range(250)])
    result = store.read()
    assert result is not None
    assert (result.count, len(result.problems)) == (250, MOST_STORED)


def test_a_failing_ledger_does_not_keep_the_answer_back(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise LedgerUnavailable("throttled")

    monkeypatch.setattr(product.container.table, "update", fails)
    assert with_fakes(product)["ok"]


def test_wrong_calls_are_explained(product: Product) -> None:
    answered = product.container.check({"account": "paris"}, FakeContext())
    assert answered["error"]["message"] == "there is no key 'account': there are time"


def test_more_accounts_than_run_at_once_are_all_checked(resources: TestAws) -> None:
    accounts = {f"paris{n}": replace(settings().accounts["paris"], name=f"paris{n}") for n in range(20)}
    one = Source("crm", "https://127.0.0.1/x.csv", "paris0", "4781")
    product = Product(settings(accounts=accounts, forms={}, sources={"crm": one}), providers={})
    fake = Product().paris
    found = Check(product.container, lambda _: fake, Fetcher(), lambda: ([], [])).handle(
        {}, Deadline.of(FakeContext(), product.clock)
    )
    assert [name for name, entry in found["accounts"].items() if entry["ok"]] == list(accounts)
    assert not found["sources"]["crm"]["ok"]
