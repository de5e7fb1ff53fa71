"""`python -m local import`: what a file's lines become, and a file that cannot be taken as a whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.container import Container
from chalicelib.domain.errors import Kind, ProviderError
from chalicelib.effects import Effects
from local import import_contacts, resources, running_stacks
from local.contacts_file import ContactsFile, Part, Target, parts_of
from local.list_check import NOBODY_ASKED
from local.sandbox.samples import SAMPLE_FILE
from local.template import additions
from local.template_reader import queues_and_tables
from tests.support.aws import TestAws
from tests.support.product import FakeContext, Product

TARGET = Target("paris", "4781")
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PROD = ("--account", "paris", "--list", "4781", "--stage", "prod")
Run = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, on a machine where no stack runs."""
    monkeypatch.setattr(running_stacks, "FOLDER", tmp_path / "stacks")
    monkeypatch.delenv("RELAIS_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Imports a file with this content; returns the exit code, the lines printed and the errors."""

    def run(content: bytes | str | None, *arguments: str, account: str = "paris", list_id: str = "4781") -> Any:
        if content is not None:
            (folder / "people.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        given = arguments or ("--account", account, "--list", list_id, "--dry-run")
        code = import_contacts.main(["people.csv", *given])
        printed = capsys.readouterr()
        return code, printed.out.splitlines(), printed.err

    return run


def parts(folder: Path, content: bytes | str, target: Target = TARGET) -> list[Part]:
    path = folder / "people.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(parts_of(ContactsFile(path, target, NOW).lines(), target))


def test_a_dry_run_says_of_every_line_what_becomes_of_it(run: Run) -> None:
    code, lines, errors = run('email;prenom\nzoe@example.com;Zoé\n\nnobody;X\nZOE@example.com;Zoé\n"a;b\n')
    assert (code, errors) == (0, "")
    assert lines == [
        "columns: email, prenom; addresses in email",
        NOBODY_ASKED,
        "line 2: can be taken (z•••@example.com)",
        "line 4: refused: email must contain exactly one @",
        "line 5: the same as line 2",
        "line 6: refused: has a quotation mark that is not closed, or that does not stand round a whole value",
        "can be taken: 1, refused: 2, repeated: 1. Nothing was sent.",
    ]


@pytest.mark.parametrize(
    ("content", "where", "says"),
    [
        (
            "email\na@example.com\n",
            {"account": "pris"},
            "--account is not a configured account\nAccounts that take signups: ",
        ),
        (
            "email\na@example.com\n",
            {"account": "lettre"},
            "--account names an account whose provider takes no signups\nAccounts that take signups: paris, brussel.\n",
        ),
        ("email\na@example.com\n", {"list_id": ""}, "--list must not be empty"),
        (None, {}, "people.csv cannot be read: No such file or directory"),
        ("", {}, "people.csv: the file is empty"),
        ("email;prenom\n\n", {}, "people.csv has no contacts"),
        ("prenom;nom\nZoé;Roy\n", {}, "people.csv has no address column: call it email. Its columns are prenom, nom"),
        ("email\nnobody\n", {}, "people.csv: no line can be taken"),
        ("email;Email;email\na;b;c\n", {}, "people.csv: line 1 names the column email twice"),
        ("<html>", {}, "people.csv: an HTML page instead of a CSV file"),
        (b"PK\x03\x04whatever", {}, "people.csv is a spreadsheet: save it as a CSV file"),
    ],
)
def test_a_file_that_cannot_be_taken_as_a_whole_ends_with_1_and_the_reason(
    run: Run, content: bytes | str | None, where: dict[str, str], says: str
) -> None:
    code, _, errors = run(content, **where)
    assert code == 1
    assert errors.startswith(says)


def test_without_a_stack_only_a_dry_run_works(run: Run) -> None:
    code, _, errors = run("email\na@example.com\n", "--account", "paris", "--list", "4781")
    assert (code, errors) == (1, "No stack of this checkout is running: start one with `make run`.\n")


def test_the_configuration_of_the_environment_is_checked_against(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "own.toml").write_text(SAMPLE_FILE.read_text("utf-8").replace("paris", "london"), "utf-8")
    monkeypatch.setenv("RELAIS_CONFIG", "own.toml")
    assert run("email\na@example.com\n")[2].endswith("Accounts that take signups: london, brussel.\n")
    assert run(None, account="london")[0] == 0


def test_the_lists_own_address_column_is_taken_where_none_is_called_email(run: Run, folder: Path) -> None:
    code, lines, _ = run("Courriel;prenom\na@example.com;A\nb;B\n")
    assert (code, lines[-1]) == (0, "can be taken: 1, refused: 1. Nothing was sent.")
    said = "so Courriel is taken for the list's own address column. If it is not, call it email."
    assert lines[1] == f"No column is called email, {said}"
    code, lines, _ = run("parrain;courriel\n;a@example.com\nc@example.com;\n;b@example.com\nx;y\n")
    assert lines[0] == "columns: parrain, courriel; addresses in courriel or parrain"
    assert lines[-1] == "can be taken: 3, refused: 1. Nothing was sent.", "the provider says which of both it is"
    (part,) = parts(folder, "Courriel;prenom\na@example.com;A\n")
    assert part.event["contacts"] == [{"Courriel": "a@example.com", "prenom": "A"}]


@pytest.mark.seconds
def test_a_file_is_split_within_the_limits_of_an_event(folder: Path) -> None:
    many = parts(folder, "email\n" + "".join(f"p{n}@example.com\n" for n in range(2500)))
    assert [len(part.lines) for part in many] == [1000, 1000, 500]
    assert [part.shown for part in many] == ["lines 2 to 1001", "lines 1002 to 2001", "lines 2002 to 2501"]
    note = "é'" * 3000
    large = parts(folder, "email;note\n" + "".join(f"p{n}@example.com;{note}\n" for n in range(100)))
    sizes = [len(part.body.encode()) for part in large]
    assert max(sizes) <= 256 * 1024 < sizes[0] + 13000, "and each is as full as it can be"
    assert sum(len(part.lines) for part in large) == 100
    (small,) = parts(folder, "email\na@example.com\nnobody\nA@example.com\nb@example.com")
    assert small.lines == (2, 5), "neither what is refused nor what an earlier line says"


def test_ids_are_those_of_content_account_and_list(folder: Path) -> None:
    text = "email;prenom\nzoe@example.com;Zoé\n"
    (part,) = parts(folder, text)
    same = [text.encode("cp1252"), b"\xef\xbb\xbf" + text.encode(), text.replace(";", "\t"), text.encode("utf-16")]
    assert {parts(folder, each)[0].id for each in same} == {part.id}
    others = [parts(folder, text, Target("lyon", "4781")), parts(folder, text, Target("paris", "1"))]
    assert len({part.id, *(other[0].id for other in others), parts(folder, text.replace("Zoé", "Zoe"))[0].id}) == 4
    more = parts(folder, "email\n" + "".join(f"p{n}@example.com\n" for n in range(1500)))
    longer = parts(folder, "email\n" + "".join(f"p{n}@example.com\n" for n in range(1600)))
    assert more[0].id == longer[0].id and more[1].id != longer[1].id, "lines added below change the last part alone"


@pytest.fixture
def prod(aws: TestAws, monkeypatch: pytest.MonkeyPatch) -> Product:
    """The product deployed as the stage prod, whose worker runs while the import waits."""
    aws.reset()
    queues, tables = queues_and_tables(additions("prod"), aws.region)
    resources.create(queues, tables, aws.sqs, aws.dynamodb)
    product = Product()
    product.clock.now = datetime.now(UTC)
    stage = Container(product.settings, "prod", Effects(clock=product.clock, chance=lambda: 1.0))
    stage._providers.update(product.providers)
    product.container = stage
    for name, value in aws.environ.items():
        monkeypatch.setenv(name, value)
    url = aws.queue_url("relais-prod-syncs")

    def work(seconds: float) -> None:
        received = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        for message in received.get("Messages", []):
            aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            records = {"Records": [product.record(message["Body"])]}
            product.container.worker.handle("syncs", records, FakeContext())

    monkeypatch.setattr(import_contacts, "Import", partial(import_contacts.Import, sleep=work))
    return product


def stored_signups(product: Product) -> int:
    items = boto3.client("dynamodb").scan(TableName="relais-prod-ledger")["Items"]
    return sum(item.get("type") == {"S": "signup"} for item in items)


def test_a_file_is_imported_on_a_deployed_stage_and_once(run: Run, prod: Product) -> None:
    file = "email;prenom\n" + "".join(f"p{n}@example.com;P{n}\n" for n in range(1200)) + "nobody;\n"
    code, lines, errors = run(file, *PROD)
    assert (code, errors) == (0, "")
    assert lines[0].startswith("There is no configuration of prod here")
    assert "line 1202: refused: email must contain exactly one @" in lines
    assert "lines 2 to 1001: imported: held 1000, refused 0 (1000 of 1200 contacts)" in lines
    assert lines[-1].startswith("Every contact is stored as a signup")
    assert stored_signups(prod) == 1200
    code, lines, errors = run(None, *PROD)
    assert (code, errors, lines[-1]) == (0, "", "Nothing was sent: the same file was imported before.")
    assert "lines 1002 to 1201: sent before, at " in lines[-2]
    assert stored_signups(prod) == 1200


def test_what_the_stage_refuses_is_told_and_a_mended_configuration_takes_it(run: Run, prod: Product) -> None:
    account = prod.container.settings.accounts.pop("paris")  # type: ignore[attr-defined]
    code, lines, _ = run("email\nzoe@example.com\n", *PROD)
    assert code == 1
    assert "line 2: refused: invalid: account: is not a configured account (0 of 1 contacts)" in lines
    prod.container.settings.accounts["paris"] = account  # type: ignore[index]
    code, lines, _ = run(None, *PROD)
    assert (code, lines[-2]) == (0, "line 2: imported: held 1, refused 0 (1 of 1 contacts)")


def test_a_column_that_is_not_the_lists_own_is_told(run: Run, prod: Product) -> None:
    for _ in range(2):
        code, lines, _ = run("courriel\nzoe@example.com\n", *PROD)
        assert code == 1
        assert "refused: there is no column email" in lines[-2]
        assert lines[-1].startswith("line 2: correct the file and import it again; if the account or the list was at")
    assert lines[-2].startswith("line 2: sent before")


def test_an_import_that_waits_is_left_to_go_on_by_itself(
    run: Run, prod: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_contacts, "QUIET_SECONDS", 3)
    prod.paris.rule = lambda *_: ProviderError(Kind.LATER, "down")
    code, lines, _ = run("courriel\nzoe@example.com\n", *PROD)
    assert code == 0
    assert lines[-2:] == [
        "line 2: under way: down (0 of 1 contacts)",
        "The rest goes on by itself, once it can. Repeat the command to see how far it is.",
    ]


@pytest.mark.parametrize("variable", ["AWS_DEFAULT_REGION", "AWS_REGION"])
def test_a_stage_that_is_not_deployed_is_named(
    run: Run, prod: Product, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    region = os.environ["AWS_DEFAULT_REGION"]
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, region)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers the region
    code, _, errors = run("email\na@example.com\n", "--account", "paris", "--list", "1", "--stage", "test")
    assert (code, errors) == (
        1,
        "There is no queue relais-test-syncs in this AWS account and region: is that stage deployed there?\n",
    )


def test_a_wrong_stage_or_no_list_is_an_error_of_usage(run: Run) -> None:
    for wrong in (("--account", "paris"), ("--account", "paris", "--list", "1", "--stage", "Prod")):
        with pytest.raises(SystemExit) as ended:
            run("email\na@example.com\n", *wrong)
        assert ended.value.code == 2


def test_no_whole_address_is_printed(run: Run) -> None:
    printed = run("email;x\nzoe@example.com;\nleo@example.com at home;\nzoe@example.com;\n")
    assert "zoe" not in json.dumps(printed) and "leo@" not in json.dumps(printed)
