"""The simulated myMailMarket behaves as documented by the vendor, quirks included."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from local.sandbox import Control, Sandbox
from local.sandbox.mymailmarket.routes import ROUTES
from local.sandbox.mymailmarket.samples import CREDENTIALS, CUSTOMERS, NEWSLETTER, SITE_ID

PERSON = "0616074268001"
CAMPAIGN = "0616074267001"
AUTORESPONDER = "0616074269001"


def session_path(**changes: str) -> str:
    """The path of the session call, each part encoded by itself."""
    known = {**CREDENTIALS, **changes}
    digest = changes.get("digest") or hashlib.md5(known["password"].encode()).hexdigest()
    parts = (known["username"], digest, known["site"], known["api_key"], known["shared_secret"])
    return "session/create/" + "/".join(quote(part, safe="") for part in parts)


class Client:
    """A plain client: makes its session at the first call and puts it into every query."""

    def __init__(self, url: str) -> None:
        self.base = f"{url}/mymailmarket/V2.svc/"
        self.http = requests.Session()
        self.key = ""

    def raw(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """One request as given."""
        return self.http.request(method, self.base + path, params=query, json=body, timeout=10)

    def login(self, **changes: str) -> Any:
        """The session call's answer."""
        return self.raw("GET", session_path(**changes)).json()

    def get(self, path: str, **query: Any) -> Any:
        """A GET within the session; the answer, or the HTTP status of a failure."""
        return self._ask("GET", path, None, query)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """A POST within the session."""
        return self._ask("POST", path, body, query)

    def _ask(self, method: str, path: str, body: Any, query: dict[str, Any]) -> Any:
        self.key = self.key or self.login()["ResultID"]
        answer = self.raw(method, path, body, **query, session=self.key)
        return answer.json() if answer.status_code == 200 else answer.status_code


@pytest.fixture
def market(sandbox: Sandbox) -> Iterator[Client]:
    """A client of the sample account."""
    client = Client(sandbox.url)
    with client.http:
        yield client


def people(control: Control, group: str = NEWSLETTER) -> dict[str, str]:
    """Address and status of everybody on a list."""
    account = control.state()["providers"]["mymailmarket"]["accounts"]["brussel"]
    return {row["MailAddress"]: row["Status"] for row in account["lists"][group]["rows"]}


def test_there_are_thirty_seven_functions_besides_the_session() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES) == 37


def test_a_session_from_five_encoded_segments(market: Client) -> None:
    answer = market.login()
    assert answer["Result"] == "OK"
    assert re.search(r"[+/=]", answer["ResultID"])  # must be encoded in the query
    assert isinstance(market.get("lists", site=SITE_ID), list)


def test_wrong_credentials_are_refused(market: Client) -> None:
    assert market.login(password="other")["Result"] == "NOK"
    assert market.login(site="other")["Result"] == "NOK"
    assert market.raw("GET", session_path(api_key="other")).status_code == 401
    assert market.raw("GET", session_path(shared_secret="other")).status_code == 401
    assert market.raw("GET", "session/create/" + "/".join(CREDENTIALS.values())).status_code == 400


def test_the_password_is_its_md5_in_lower_case(market: Client, control: Control) -> None:
    digest = hashlib.md5(CREDENTIALS["password"].encode()).hexdigest().upper()
    assert market.login(digest=digest)["Result"] == "NOK"
    control.set("mymailmarket", options={"md5_upper_case_too": True})
    assert market.login(digest=digest)["Result"] == "OK"


def test_a_session_is_needed_and_ends_after_two_hours(market: Client, control: Control) -> None:
    assert market.raw("GET", "lists", site=SITE_ID).status_code == 401
    control.clock(freeze=True)
    market.get("lists", site=SITE_ID)
    control.clock(advance=7199)
    assert isinstance(market.get("lists", site=SITE_ID), list)
    control.clock(advance=1)
    assert market.get("lists", site=SITE_ID) == 401


def test_sessions_can_be_ended_by_control(market: Client, control: Control) -> None:
    market.get("lists", site=SITE_ID)
    assert control.state()["providers"]["mymailmarket"]["sessions"] == 1
    control.set("mymailmarket", expire_sessions=True)
    assert market.get("lists", site=SITE_ID) == 401
    assert control.state()["providers"]["mymailmarket"]["sessions"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "lists"),
        ("POST", f"list/{NEWSLETTER}"),
        ("GET", f"List/{NEWSLETTER}"),
        ("GET", f"subscribers/group/{NEWSLETTER}/?startindex=0"),
        ("GET", f"subscribers/group/{NEWSLETTER}/?startindex=0&pagesize=251"),
        ("GET", f"subscribers/group/{NEWSLETTER}/status/gone/?startindex=0&pagesize=10"),
        ("GET", "nothing"),
    ],
)
def test_missing_parameters_and_wrong_methods_are_400(market: Client, method: str, path: str) -> None:
    assert (market.get if method == "GET" else market.post)(path) == 400


def test_unknown_things_are_404(market: Client) -> None:
    for path in ("list/0", "Subscriber?subscriber=0", "campaigndata/0", "Campaignstats/0", "user?id=0", "template/0"):
        assert market.get(path) == 404


def test_ids_have_13_characters_and_dates_are_wcf(market: Client) -> None:
    key = market.login()["ResultID"]
    answer = market.raw("GET", "lists", site=SITE_ID, session=key)
    assert '"\\/Date(' in answer.text
    for row in answer.json():
        assert re.fullmatch(r"0\d{12}", row["Id"])
        assert re.fullmatch(r"/Date\(\d+\+0[12]00\)/", row["UserLastUpdate"])


def test_answers_are_objects_arrays_or_feedback(market: Client, control: Control) -> None:
    assert isinstance(market.get(f"list/{NEWSLETTER}"), list)
    assert isinstance(market.get("Subscriber", subscriber=PERSON), dict)
    for shape, kind in (("object", dict), ("array", list)):
        control.set("mymailmarket", options={"shape": shape})
        assert isinstance(market.get(f"list/{NEWSLETTER}"), kind)
        assert isinstance(market.get("Subscriber", subscriber=PERSON), kind)
    control.set("mymailmarket", options={"shape": "mixed"})
    assert {type(market.get(f"list/{NEWSLETTER}")) for _ in range(6)} == {dict, list}


def test_lists_are_created_changed_and_deleted(market: Client) -> None:
    made = market.post("list/persist", {"Name": "Nieuw", "Language": "NL"})["ResultID"]
    assert market.post("list/persist", {"Id": made, "Name": "Nieuwer"})["ResultID"] == made
    held = market.get(f"list/{made}")[0]
    assert (held["Name"], held["Language"]) == ("Nieuwer", "NL")
    assert market.post("list/persist", {"Language": "NL"})["Result"] == "NOK"
    assert market.post(f"list/{made}/delete")["Result"] == "OK"
    assert market.get(f"list/{made}") == 404


def test_a_profile_is_an_upsert_that_keeps_the_status(market: Client, control: Control) -> None:
    body = {"MailAddress": "new@example.com", "Groepid": NEWSLETTER, "FirstName": "Zoé"}
    first = market.post("subscriberprofile/persist", body)
    again = market.post("subscriberprofile/persist", {**body, "MailAddress": "New@example.com", "LastName": "X"})
    assert first["ResultID"] == again["ResultID"]
    profile = market.get("Subscriberprofile", emailaddress="new@example.com", list=NEWSLETTER)[0]
    assert (profile["FirstName"], profile["LastName"], profile["Status"]) == ("Zoé", "X", "active")
    market.post("subscriberprofile/persist", {**body, "MailAddress": "weg@example.com"})
    assert people(control)["weg@example.com"] == "unsubscribed"


def test_bad_contacts_are_business_failures(market: Client) -> None:
    for body in ({"MailAddress": "nobody", "Groepid": NEWSLETTER}, {"Groepid": NEWSLETTER}):
        answer = market.post("subscriberprofile/persist", body)
        assert answer["Result"] == "NOK"
        assert answer["ErrorMessage"]
    assert market.post("subscriberprofile/persist", {"MailAddress": "a@example.com", "Groepid": "0"}) == 404
    known = {"MailAddress": "camille@example.com", "Groepid": NEWSLETTER}
    assert market.post("subscriber/persist", known)["Result"] == "NOK"
    assert market.post("subscriber/persist", {**known, "SubscriberId": PERSON})["SubscriberId"] == PERSON


def test_unsubscribing_by_address_changes_one_list(market: Client, control: Control) -> None:
    where = {"address": "camille@example.com", "groupid": NEWSLETTER}
    assert market.get("unsubscribe/", **where)[0]["Result"] == "OK"
    assert market.get("unsubscribe/", **where)[0]["Result"] == "OK"
    assert people(control)["camille@example.com"] == "unsubscribed"
    assert people(control, CUSTOMERS)["camille@example.com"] == "active"
    assert market.get("unsubscribe/", address="nobody@example.com", groupid=NEWSLETTER) == 404


def test_unsubscribing_works_by_id_and_by_mobile(market: Client, control: Control) -> None:
    market.get("unsubscribe/mobile/", gsm="32400000000", groupid=NEWSLETTER)
    market.get("unsubscribe/0616074268004/")
    assert people(control)["camille@example.com"] == people(control, CUSTOMERS)["camille@example.com"] == "unsubscribed"
    assert market.get("unsubscribe/mobile/", gsm="324000000001", groupid=NEWSLETTER) == 400


def test_a_status_can_be_restored(market: Client, control: Control) -> None:
    assert market.get("subscriber/0616074268003/status/active/")["Result"] == "OK"
    assert people(control)["weg@example.com"] == "active"
    assert market.get(f"subscriber/{PERSON}/status/on%20hold/")["Result"] == "OK"
    assert people(control)["camille@example.com"] == "on hold"


def test_deleted_subscribers_are_only_on_their_status_page(market: Client, control: Control) -> None:
    assert market.get(f"subscriber/address/{quote('camille@example.com')}/delete", list=NEWSLETTER)["Result"] == "OK"
    assert market.get("Subscriber", emailaddress="camille@example.com", list=NEWSLETTER) == 404
    rows = market.get(f"subscribers/group/{NEWSLETTER}/status/deleted/", startindex=0, pagesize=10)
    assert [row["MailAddress"] for row in rows] == ["camille@example.com"]
    assert market.get("subscriber/mobile/32400000000/delete", list=NEWSLETTER) == 404
    assert market.get("subscriber/0616074268002/delete")["Result"] == "OK"


def test_an_address_with_a_slash_stays_in_its_segment(market: Client, control: Control) -> None:
    control.set("mymailmarket", add_subscribers={"list": NEWSLETTER, "rows": ["a/b+c@example.com"]})
    path = f"subscriber/address/{quote('a/b+c@example.com', safe='')}/delete"
    assert market.get(path, list=NEWSLETTER)["Result"] == "OK"


def test_an_address_can_be_changed_unless_it_is_in_use(market: Client, control: Control) -> None:
    change = {"oldemail": "camille@example.com", "newemail": "c2@example.com", "group": NEWSLETTER}
    assert market.get("subscriber/address/update", **change)["Result"] == "OK"
    assert "c2@example.com" in people(control)
    assert market.get("Subscriber", emailaddress="c2@example.com", list=NEWSLETTER)["SubscriberId"] == PERSON
    taken = {**change, "oldemail": "c2@example.com", "newemail": "weg@example.com"}
    assert market.get("subscriber/address/update", **taken)["Result"] == "NOK"


def test_pages_have_at_most_250_rows_which_can_shift(market: Client, control: Control) -> None:
    rows = [{"MailAddress": f"a{n}@example.com", "Status": "unsubscribed", "seconds_ago": n + 10} for n in range(400)]
    control.set(
        "mymailmarket", add_subscribers={"list": CUSTOMERS, "rows": rows}, between_pages=[{"remove": "a3@example.com"}]
    )
    path = f"subscribers/group/{CUSTOMERS}/status/unsubscribed/"
    first = market.get(path, startindex=0, pagesize=250)
    second = market.get(path, startindex=250, pagesize=250)
    assert [row["MailAddress"] for row in (first[0], first[-1])] == ["a0@example.com", "a249@example.com"]
    assert second[0]["MailAddress"] == "a251@example.com"  # a250 slipped through
    assert len(second) == 149
    everybody = market.get(f"subscribers/group/{CUSTOMERS}/", startindex=400, pagesize=250)
    assert len(everybody) == 0


def test_unsubscribes_of_a_campaign_are_listed(market: Client, control: Control) -> None:
    left = {"MailAddress": "camille@example.com", "Status": "unsubscribed", "list": NEWSLETTER, "campaign": CAMPAIGN}
    control.set("mymailmarket", set_status=left)
    rows = market.get(f"unsubscribes/campaign/{CAMPAIGN}/", startindex=0, pagesize=250)
    assert [row["MailAddress"] for row in rows] == ["weg@example.com", "camille@example.com"]


def test_campaigns_are_listed_by_status_with_growing_figures(market: Client, control: Control) -> None:
    control.clock(freeze=True)
    sent = market.get("Campaigns", site=SITE_ID, status="sent")
    assert [row["Id"] for row in sent] == [CAMPAIGN, "0616074267002", "0616074267003"]
    assert market.get("Campaigns", site=SITE_ID, status="gone") == 400
    first = market.get(f"Campaignstats/{CAMPAIGN}")
    assert market.get(f"Campaignstats/{CAMPAIGN}") == first
    control.clock(advance=3600)
    assert market.get(f"Campaignstats/{CAMPAIGN}")["TotalOpened"] > first["TotalOpened"]
    control.set("mymailmarket", set_figures={"id": CAMPAIGN, "figures": {"NrOfOpens": "12"}})
    assert market.get(f"Campaignstats/{CAMPAIGN}") == {"CampaignId": CAMPAIGN, "NrOfOpens": "12"}


def test_a_campaign_is_created_scheduled_cancelled_and_sent(market: Client, control: Control) -> None:
    control.clock(freeze=True)
    made = market.post("campaigndata/create", {"Name": "Lente", "Subject": "Zon"})["ResultID"]
    assert market.post("campaigndata/create", {"Id": made, "Subject": "Meer zon"})["ResultID"] == made
    data = market.get(f"campaigndata/{made}")[0]
    assert (data["Name"], data["Subject"], data["Status"]) == ("Lente", "Meer zon", "edit mode")
    when = {"y": 2090, "m": 7, "d": 15, "h": 12, "min": 5}
    assert market.get(f"campaign/{made}/schedule", **when)["Result"] == "OK"
    assert "+0200)" in market.get(f"campaigndata/{made}")[0]["SendTimestamp"]
    assert market.get(f"campaign/{made}/unschedule")["Result"] == "OK"
    assert market.get(f"campaign/{made}/unschedule")["Result"] == "NOK"
    assert market.get(f"campaign/{made}/schedule", **{**when, "m": 13}) == 400
    assert market.get(f"campaign/{made}/sendnow")[0]["Result"] == "OK"
    control.clock(advance=61)
    assert market.get(f"campaigndata/{made}")[0]["Status"] == "sent"
    assert market.get(f"campaign/{made}/sendnow")["Result"] == "NOK"


def test_autoresponders_have_triggers(market: Client, control: Control) -> None:
    assert market.get("Autoresponders", site=SITE_ID)[0]["NumberSent"] == 12
    link = market.get(f"subscriber/trigger/{AUTORESPONDER}/create", email="a@example.com", reference="order 7")
    assert market.get("subscriber/trigger/remove", autosubcrid=link["ResultID"])["Result"] == "OK"
    assert market.get("subscriber/trigger/remove", autosubcrid=link["ResultID"]) == 404
    send = {"id": AUTORESPONDER, "to": "a@example.com", "customdata": "prenom|Zoé|ville|Gand"}
    assert market.post("autoresponder/sendtrigger", **send)["Result"] == "OK"
    assert market.post("autoresponder/sendtrigger", {}, **send) == 400
    assert market.post("autoresponder/sendtrigger", **{**send, "customdata": "prenom"})["Result"] == "NOK"
    assert market.post("autoresponder/sendtrigger", **{**send, "to": "a" * 101}) == 400
    account = control.state()["providers"]["mymailmarket"]["accounts"]["brussel"]
    assert [sent["to"] for sent in account["triggers_sent"]] == ["a@example.com"]


def test_users_and_templates_are_listed(market: Client) -> None:
    user = market.get("user", username="api", sitename="acme")
    assert user["UserPass"]  # in clear: the client must mask it
    made = market.post("users/persist", {"UserName": "second", "UserPass": "placeholder"})["ResultID"]
    market.post("users/persist", {"UserId": made, "Language": "NL"})
    assert (market.get("user", id=made)["UserName"], market.get("user", id=made)["Language"]) == ("second", "NL")
    template = market.get("templates", site=SITE_ID)[0]["Id"]
    assert market.get(f"template/{template}")[0]["Name"] == "Sjabloon"


def test_the_journal_and_the_page_show_no_secret(market: Client, sandbox: Sandbox, control: Control) -> None:
    market.get("lists", site=SITE_ID)
    market.get("user", username="api", sitename="acme")
    shown = str(control.calls()) + requests.get(sandbox.url, timeout=10).text + str(control.state())
    digest = hashlib.md5(CREDENTIALS["password"].encode()).hexdigest()
    for secret in (CREDENTIALS["api_key"], CREDENTIALS["shared_secret"], digest, market.key, "placeholder-pass"):
        assert secret not in shown
    assert [call["function"] for call in control.calls()] == ["session_create", "lists", "user_by_name"]
    assert {call["account"] for call in control.calls()} == {"brussel"}


def test_faults_have_the_error_format_of_the_vendor(market: Client, control: Control) -> None:
    market.get("lists", site=SITE_ID)
    control.fault("refuse_key", function="lists")
    control.fault("refuse_rows", contains="bad")
    assert market.get("lists", site=SITE_ID) == 401
    body = {"MailAddress": "bad@example.com", "Groepid": NEWSLETTER}
    assert market.post("subscriberprofile/persist", body)["Result"] == "NOK"
    assert "bad@example.com" not in people(control)
