"""The simulated Ediware behaves as documented by the vendor, contradictions included."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from local.sandbox import Control, Sandbox
from local.sandbox.ediware.samples import API_KEY
from local.sandbox.ediware.service import FUNCTIONS

Ask = Callable[..., Any]
OK = {"result": "ok"}


@pytest.fixture
def ask(sandbox: Sandbox) -> Iterator[Ask]:
    """Call a function with the sample key and give its answer as JSON, or as text where it is none."""
    with requests.Session() as session:

        def call(function: str, door: str = "api_http", **params: Any) -> Any:
            answer = session.post(
                f"{sandbox.url}/ediware/{door}/{function}", json={"api_key": API_KEY, **params}, timeout=10
            )
            assert answer.status_code == 200
            try:
                return answer.json()
            except ValueError:
                return answer.text

        yield call


def paris(control: Control) -> dict[str, Any]:
    """The sample account's state."""
    found: dict[str, Any] = control.state()["providers"]["ediware"]["accounts"]["paris"]
    return found


def message(answer: Any) -> str:
    """The text of a refusal, whose `error` is a string."""
    assert answer["error"] == "1"
    return str(answer["message"])


def test_there_are_thirteen_functions() -> None:
    assert len(FUNCTIONS) == 13


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "application/json"])
def test_the_body_is_read_raw_whatever_its_content_type(sandbox: Sandbox, content_type: str) -> None:
    body = json.dumps({"api_key": API_KEY, "email": "é@example.com"})
    answer = requests.post(
        f"{sandbox.url}/ediware/api_http/unsub_add", body.encode(), headers={"Content-Type": content_type}, timeout=10
    )
    assert answer.json() == OK


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"api_key": "other"}'])
def test_a_wrong_key_is_refused_under_status_200(sandbox: Sandbox, body: bytes) -> None:
    answer = requests.post(f"{sandbox.url}/ediware/api_http/list_list", body, timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"error": "1", "message": "Error api_key invalid"})


def test_an_undeclared_ip_is_refused_except_at_the_open_endpoint(ask: Ask, control: Control) -> None:
    control.set("ediware", declared_ips=["192.0.2.1"])
    assert message(ask("list_list")) == "Error api_key invalid"
    assert isinstance(ask("list_list", "api_http_open"), list)
    control.set("ediware", declared_ips=["127.0.0.1"])
    assert isinstance(ask("list_list"), list)


def test_statistics_are_at_the_open_endpoint_only(sandbox: Sandbox, ask: Ask) -> None:
    assert ask("campaigns_stats", "api_http_open")
    answer = requests.post(f"{sandbox.url}/ediware/api_http/campaigns_stats", json={"api_key": API_KEY}, timeout=10)
    assert answer.status_code == 404


def test_keys_are_french_and_english_row_by_row(ask: Ask) -> None:
    lists, users, pools = ask("list_list"), ask("user_list"), ask("pools_list")
    assert "nom" in lists[0] and "total_lignes" in lists[0]
    assert "name" in lists[1] and "total_lines" in lists[1]
    assert "classe_domaines" in users[0] and "pass" not in users[0]
    assert "class_domains" in users[1] and "pass" in users[1]
    assert "domaine_expediteur" in pools[0] and "sender_domain" in pools[1]


def test_numbers_are_strings_or_integers_within_one_row(ask: Ask) -> None:
    first, second = ask("campaigns_stats", "api_http_open")[:2]
    assert isinstance(first["volume"], str) and isinstance(first["click"], int)
    assert isinstance(second["volume"], int) and isinstance(second["click"], str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", first["sent"])


def test_inserting_twice_leaves_two_rows_and_omitted_fields_are_empty(ask: Ask, control: Control) -> None:
    row = {"email": "a@example.com", "prenom": "Zoé"}
    before = len(paris(control)["lists"]["4781"]["rows"])
    assert ask("list_insert", list_id=4781, tab_insert=[row]) == OK
    assert ask("list_insert", list_id="4781", tab_insert=[row]) == OK
    rows = paris(control)["lists"]["4781"]["rows"]
    assert len(rows) == before + 2
    assert rows[-1] == {"email": "a@example.com", "prenom": "Zoé", "nom": "", "societe": "", "lien_desabo": ""}
    assert ask("list_list")[0]["total_lignes"] == str(before + 2)


GOOD = {"email": "good@example.com"}


@pytest.mark.parametrize(
    "rows",
    [
        [GOOD] * 256,
        [GOOD, {"prenom": "Zoé"}],
        [GOOD, {"email": "a@example.com", "unheard_of": "x"}],
        [GOOD, {"email": "no address"}],
        [GOOD, "not a row"],
        [],
        "not rows",
    ],
)
def test_one_bad_row_refuses_the_whole_call(ask: Ask, control: Control, rows: Any) -> None:
    before = paris(control)["lists"]["4781"]["rows"]
    message(ask("list_insert", list_id="4781", tab_insert=rows))
    assert paris(control)["lists"]["4781"]["rows"] == before


def test_255_rows_go_in_and_an_unknown_list_is_refused(ask: Ask) -> None:
    rows = [{"EMAIL": f"a{n}@example.com"} for n in range(255)]
    assert ask("list_insert", list_id="4782", tab_insert=rows) == OK
    message(ask("list_insert", list_id="1", tab_insert=[GOOD]))


def test_an_insert_does_not_take_anyone_off_the_unsubscribed_list(ask: Ask, control: Control) -> None:
    assert ask("unsub_add", email="good@example.com") == OK
    assert ask("unsub_global_add", email="good@example.com") == OK
    ask("list_insert", list_id="4781", tab_insert=[GOOD])
    assert paris(control)["unsubscribed"] == paris(control)["delisted"] == ["good@example.com"]


def test_unsub_add_can_answer_1(ask: Ask, control: Control) -> None:
    control.set("ediware", options={"unsub_answers_1": True})
    assert ask("unsub_add", email="good@example.com") == 1
    message(ask("unsub_add", domain="good@example.com"))


def test_a_protected_list_is_refused_in_bare_text(ask: Ask, control: Control) -> None:
    text = "Error this list protected against delete, go to the dashboard"
    assert ask("list_delete", list_id="4783") == text
    control.set("ediware", options={"protected_as_json": True})
    assert message(ask("list_delete", list_id="4783")) == text
    assert ask("list_delete", list_id="4781") == OK
    assert "4781" not in paris(control)["lists"]


def test_list_create_takes_either_name_and_checks_its_fields(ask: Ask, control: Control) -> None:
    made = ask("list_create", nom="Neuve", field_list="email,nom", field_index="nom", field_email="email")
    assert paris(control)["lists"][made["list_id"]]["name"] == "Neuve"
    assert "list_id" in ask("list_create", name="New", field_list="email", field_email="email", email_crypt=1)
    message(ask("list_create", nom="x", field_list="email,code2", field_email="email"))
    message(ask("list_create", nom="x", field_list="email,nom", field_email="autre"))
    message(ask("list_create", nom="x", field_list="email", field_index="nom", field_email="email"))
    letters = "abcdefghijklmnopqrstuvwxyz"
    many = ",".join(["email", *letters, *(letter * 2 for letter in letters)][:51])
    message(ask("list_create", nom="x", field_list=many, field_email="email"))


def test_sub_accounts_are_created_changed_and_deleted(ask: Ask, control: Control) -> None:
    params = {"log": "example_new", "pass": "placeholder-pass", "quota": "50", "name": "Neuf", "email": "n@example.com"}
    user_id = ask("user_create", **params)["user_id"]
    message(ask("user_create", **params))
    message(ask("user_create", **{**params, "log": "short"}))
    message(ask("user_create", **{**params, "log": "another_one", "quota": "500000"}))
    assert ask("user_update", user_id=user_id, quota=40) == OK
    assert next(user for user in ask("user_list") if user["id"] == user_id)["quota"] == "40"
    assert ask("user_delete", user_id=user_id) == OK
    message(ask("user_delete", user_id="1475"))
    control.set("ediware", options={"creation_as_array": True})
    assert list(ask("user_create", **params)[0]) == ["user_id"]


def test_lists_of_a_sub_account_are_apart(ask: Ask) -> None:
    assert [row["id"] for row in ask("list_list", user_id="1475")] == ["4790"]
    assert "4790" not in [row["id"] for row in ask("list_list")]


def test_figures_grow_in_steps_and_campaigns_vanish_after_30_days(ask: Ask, control: Control) -> None:
    control.clock(freeze=True)
    first = ask("campaigns_stats", "api_http_open")
    assert ask("campaigns_stats", "api_http_open") == first
    control.clock(advance=1800)
    assert ask("campaigns_stats", "api_http_open")[0]["open"] == first[0]["open"]  # cached for up to an hour
    control.clock(advance=1900)
    assert int(ask("campaigns_stats", "api_http_open")[0]["open"]) > int(first[0]["open"])
    control.clock(advance=24 * 3600)
    shown = {row["id"] for row in ask("campaigns_stats", "api_http_open")}
    assert "688555" in {row["id"] for row in first} and "688555" not in shown


def test_a_campaigns_figures_can_be_set(ask: Ask, control: Control) -> None:
    control.set("ediware", add_campaign={"id": "9", "sent_seconds_ago": 60, "volume": 10})
    control.set("ediware", set_figures={"id": "9", "figures": {"open": 7}})
    row = next(row for row in ask("campaigns_stats", "api_http_open") if row["id"] == "9")
    assert (int(row["open"]), int(row["volume"]), int(row["click"])) == (7, 10, 0)


def test_list_insert_url_fetches_from_this_machine_only(ask: Ask, control: Control) -> None:
    class Csv(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "email;prenom\na@example.com;Zoé\nb@example.com;\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Csv) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/contacts.csv"
        assert ask("list_insert_url", list_id="4781", url=url) == OK
        server.shutdown()
    rows = paris(control)["lists"]["4781"]["rows"]
    assert [(row["email"], row["prenom"]) for row in rows[-2:]] == [("a@example.com", "Zoé"), ("b@example.com", "")]
    message(ask("list_insert_url", list_id="4781", url="https://www.example.com/contacts.csv"))
