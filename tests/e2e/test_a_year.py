"""A year of an organisation with Relais on AWS: all that happens to a deployment, one thing after the other.

The packaged `deploy.sh` and the commands of the documents run in an AWS that is played here; the functions are the
product's own, over the tables of the embedded AWS. At the end of each chapter every person is where the model has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from local.sandbox.samples import sample_account
from tests.e2e.rehearsal import STACK
from tests.e2e.year_world import NEWS, Year
from tests.support.account.account import opened
from tests.support.account.operator import Operator
from tests.support.documents import Block, command_blocks
from tests.support.required_tools import need

CERTIFICATE = "arn:aws:acm:eu-west-3:123456789012:certificate/"
RESTORED = f"{STACK}-ledger-20261127"


def blocks_of(heading: str) -> list[Block]:
    """Return the commands of a section of the runbooks."""
    return [block for block in command_blocks("docs/runbooks.md") if block.heading == heading]


@pytest.fixture
def year(tmp_path: Path) -> Iterator[Year]:
    """An account without a stack, and the secrets of one."""
    for tool in ("aws", "curl", "bash"):
        need(tool, "a year of operations")
    with opened(tmp_path) as account:
        made = Year(account, Operator(account, tmp_path / "checkout"))
        for name, provider in (("paris", "ediware"), ("lettre", "mailpartner"), ("brussel", "mymailmarket")):
            values = sample_account(provider)
            made.put_secret(
                name, **{key: values[key] for key in ("api_key", "password", "shared_secret") if key in values}
            )
        made.put_secret("privacy", k1="1" * 64)
        made.put_secret("unsubscribe", k1="a" * 64)
        made.put_secret("admin", key="0" * 64)
        made.put_secret("shop", first="whsec_" + "Zmlyc3Qg" * 5)
        yield made


@pytest.mark.rehearsal
@pytest.mark.slow
@pytest.mark.server
@pytest.mark.no_cover
@pytest.mark.timeout(1800)
def test_a_year_loses_nobody_and_resubscribes_nobody(year: Year) -> None:
    began = year.account.clock.now()
    first_deployment_fails_and_is_repeated(year)
    people_come_and_go(year)
    key_is_rotated_and_rolled_back(year)
    domain_changes(year)
    table_is_restored(year)
    account_is_removed_while_events_pend(year)
    secrets_are_rotated(year)
    stack_is_deleted_and_made_again(year)
    year.pass_days(365 - (year.account.clock.now() - began).days)
    year.hold()
    assert (year.account.clock.now() - began).days >= 365
    assert not year.account.refused_calls()


def first_deployment_fails_and_is_repeated(year: Year) -> None:
    year.configure()
    year.account.broken.add("SyncsErrorsAlarm")
    failed = year.operator.deploy()
    assert failed.code == 1
    assert "SyncsErrorsAlarm" in failed.err
    assert year.account.aws.dynamodb.list_tables()["TableNames"] == []
    year.account.broken.clear()
    year.deploy(f"DomainName=relais.example.com CertificateArn={CERTIFICATE}1")
    year.deploy()
    assert year.account.aws.dynamodb.describe_table(TableName=f"{STACK}-ledger")["Table"]["DeletionProtectionEnabled"]
    assert year.account.request("GET", "https://relais.example.com/healthz").json["status"] == "ok"


def people_come_and_go(year: Year) -> None:
    for name in ("ana", "ben", "cid", "dora", "eva"):
        year.sign_up(f"{name}@example.com")
    for name in ("nils", "nora", "noor"):
        year.sign_up(f"{name}@example.com", "nieuwsbrief")
    year.shop_signup("sam@example.com")
    year.hold()
    year.leave_by_form("ben@example.com")
    year.leave_by_link("cid@example.com", year.link_of("cid@example.com"))
    command = {"MailAddress": "noor@example.com", "Status": "unsubscribed", "list": NEWS}
    year.account.control.set("mymailmarket", set_status=command)
    year.people["noor@example.com"].left = True
    year.hold()
    year.pass_days(42)
    year.hold()


def key_is_rotated_and_rolled_back(year: Year) -> None:
    """The earlier package lacks a key that the ledger was written with: signups wait, who leaves does not."""
    earlier = (year.operator.checkout / "out" / "latest").readlink().name
    year.put_secret("privacy", k2="2" * 64)
    today = year.configure(address_keys=("k2", "k1"))
    year.deploy()
    year.sign_up("kim@example.com")
    year.sign_up("kurt@example.com")
    year.leave_by_form("dora@example.com")  # known under the first key
    year.hold()
    year.leave_by_link("kurt@example.com", year.link_of("kurt@example.com"))  # known under the second alone
    year.hold()

    year.deploy(package=earlier, in_order=False)
    waits = year.sign_up("kai@example.com")
    returns = year.sign_up("kurt@example.com")
    year.leave_by_link("kim@example.com", year.link_of("kim@example.com"))
    year.account.until(lambda: year.report()["oldest_unsubscribe_seconds"] == 0)
    year.pass_days(12)
    pending = year.report()["reasons"]["pending"]
    assert pending == {"address_key_missing": 2}, pending
    year.deploy(package=today)
    year.hold()
    assert not waits.left
    assert returns.left, "whoever left under the key is not signed up by an old form"
    year.pass_days(30)


def domain_changes(year: Year) -> None:
    """Mails that were sent have links to the old domain."""
    old = year.link_of("ana@example.com")
    assert old.startswith("https://relais.example.com/unsubscribe/")
    year.deploy(f"DomainName2=new.example.com CertificateArn2={CERTIFICATE}2")
    assert year.account.request("GET", "https://new.example.com/healthz").status == 200
    year.configure(domain="new.example.com")
    year.deploy("PublicDomain=2")
    year.sign_up("lea@example.com")
    year.hold()
    assert year.link_of("lea@example.com").startswith("https://new.example.com/unsubscribe/")
    year.leave_by_link("ana@example.com", old)
    year.leave_by_link("lea@example.com", year.link_of("lea@example.com"))
    year.hold()
    year.pass_days(42)


def table_is_restored(year: Year) -> None:
    """To a moment at which a signup was pending whose person has left since."""
    account, ledger = year.account, year.account.aws.dynamodb
    outage = account.control.fault("status", status=503, provider="mymailmarket")
    year.sign_up("pia@example.com", "nieuwsbrief")
    account.settle()
    account.forward(60)
    moment = account.clock.now().astimezone(UTC)
    account.forward(60)
    account.control.clear_faults(outage)
    year.deliver()
    year.leave_by_form("pia@example.com")
    year.leave_by_link("eva@example.com", year.link_of("eva@example.com"))
    repeated = year.shop_signup("quentin@example.com")
    year.hold()
    for item in ledger.scan(TableName=f"{STACK}-ledger", ProjectionExpression="pk, sk")["Items"]:
        if item["pk"]["S"].startswith(("A#", "E#")):
            ledger.delete_item(TableName=f"{STACK}-ledger", Key=item)

    stop_workers, stop_schedules, start = (block.text for block in blocks_of("Stopping a worker"))
    restore, complete, look, switch = (block.text for block in blocks_of("Restoring a table"))
    year.operator.succeed(stop_workers + stop_schedules)
    year.operator.succeed(restore.replace("2026-11-27T09:00:00Z", f"{moment:%Y-%m-%dT%H:%M:%SZ}"))
    year.operator.succeed(complete)
    year.operator.succeed(look)
    year.operator.succeed(switch.replace("BUCKET=YOUR-BUCKET ", ""))
    year.operator.succeed(start)
    year.people["quentin@example.com"].may_be_twice = True
    assert year.send(repeated).status == 202
    year.hold()
    refused = year.people["eva@example.com"]
    again = year.sign_up("eva@example.com")
    assert again is refused
    year.hold()
    year.pass_days(42)


def account_is_removed_while_events_pend(year: Year) -> None:
    """What pends goes with its form; what has none is parked, and sent again when the account is back."""
    outage = year.account.control.fault("status", status=503, provider="mymailmarket")
    year.sign_up("rosa@example.com", "nieuwsbrief")
    year.shop_signup("rik@example.com", "brussel", NEWS)
    year.leave_by_form("nils@example.com")
    year.account.settle()
    year.configure(brussel=False)
    year.deploy()
    year.account.until(lambda: year.report()["pending"] == 0)
    parked = year.report()["parked"]
    assert parked >= 1
    moved = year.people.pop("rosa@example.com")
    clients = year.account.control.state()["providers"]["ediware"]["accounts"]["paris"]["lists"]["4782"]["rows"]
    assert [row["EMAIL"] for row in clients].count(moved.email) == 1
    year.leave_by_form("nora@example.com")  # while her account is not there
    year.pass_days(12)

    year.account.control.clear_faults(outage)
    year.configure(brussel=True)
    year.deploy()
    asked = '{"account": "brussel", "status": "parked"}'
    done = year.operator.succeed(f"echo '{asked}' | python3 -m local invoke resend --event - --stage prod")
    assert done.json == {"resent": parked}
    year.hold()
    year.pass_days(30)


def secrets_are_rotated(year: Year) -> None:
    account = year.account
    account.control.set("ediware", api_key="ediware-key-of-this-year")
    year.sign_up("tom@example.com")
    account.until(lambda: year.report()["accounts"]["paris"]["paused"])
    year.put_secret("paris", api_key="ediware-key-of-this-year")
    year.hold()

    year.put_secret("shop", second="whsec_" + "c2Vjb25k" * 5)
    year.configure(webhook=("second", "first"))
    year.deploy()
    event = year.shop_signup("ugo@example.com")
    assert year.send({**event, "id": "shop-old"}, "first").status == 202
    year.people["ugo@example.com"].may_be_twice = True
    year.configure(webhook=("second",))
    year.deploy()
    assert year.send(event, "first").status == 401
    assert year.send(event).status == 202

    link = year.link_of("tom@example.com")
    year.put_secret("unsubscribe", k2="b" * 64)
    year.configure(unsubscribe_keys=("k2", "k1"))
    year.deploy()
    year.leave_by_link("tom@example.com", link)
    year.put_secret("admin", key="9" * 64)
    year.hold()
    year.pass_days(30)


def stack_is_deleted_and_made_again(year: Year) -> None:
    """With events that pend, over the ledger that was restored."""
    outage = year.account.control.fault("status", status=503, provider="ediware")
    year.sign_up("vera@example.com")
    year.leave_by_form("sam@example.com")
    year.account.settle()
    old = year.link_of("kai@example.com")
    delete, _ = (block.text for block in blocks_of("What a deleted stack takes with it"))
    year.operator.succeed(delete)
    with pytest.raises(LookupError):
        year.account.request("GET", old)
    year.account.control.clear_faults(outage)
    assert f"there is {RESTORED}" in year.operator.deploy().err
    year.deploy(
        f"LedgerTableName={RESTORED} DomainName=relais.example.com CertificateArn={CERTIFICATE}1",
        f"DomainName2=new.example.com CertificateArn2={CERTIFICATE}2 PublicDomain=2",
    )
    year.hold()
    year.leave_by_link("kai@example.com", old)
    year.sign_up("last@example.com", "nieuwsbrief")
    year.hold()
