from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chalicelib import __version__
from chalicelib.config.load import read_document, settings_of
from chalicelib.domain.errors import ConfigurationError
from local import package, template, throttles
from local.configuration import check_secrets_of_stage, with_reserved_hosts
from tests.support.aws import TestAws
from tests.support.packaging import Packaged, interpreter

CONFIGURATION = """
[accounts.paris]
provider = "ediware"
api_key = "secret:relais/{stage}/paris#api_key"

[privacy]
address_keys = ["secret:relais/{stage}/privacy#k1"]
"""
SECRET_ARN = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:"
# Run inside the unpacked zip with nothing else to import from: asks the HTTP handler for /healthz.
ASK_FOR_HEALTH = """
import json, os, sys
sys.path.insert(0, os.getcwd())
import app, boto3, requests
assert all(module.__file__.startswith(os.getcwd()) for module in (app, boto3, requests))
event = {
    "resource": "/healthz", "path": "/healthz", "httpMethod": "GET", "body": None, "isBase64Encoded": False,
    "headers": {}, "multiValueHeaders": {}, "queryStringParameters": None, "multiValueQueryStringParameters": None,
    "pathParameters": None, "stageVariables": None,
    "requestContext": {
        "resourcePath": "/healthz", "path": "/api/healthz", "httpMethod": "GET", "requestId": "r-1", "stage": "api",
        "identity": {"sourceIp": "203.0.113.9"},
    },
}
print(json.dumps(app.app(event, None)["statusCode"]))
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(CONFIGURATION)
    return path


def test_the_commands_of_a_deployment_use_change_sets_and_end_with_a_check(packaged: Packaged) -> None:
    *deploy, check = package.deployment_commands((packaged.out / "deploy.sh").read_text())
    assert [re.sub(r"aws (\S+) (\S+).*", r"\1 \2", line) for line in deploy] == [
        *("cloudformation package", "s3 cp", "cloudformation create-change-set", "cloudformation wait"),
        *("cloudformation execute-change-set", "cloudformation wait"),
    ]
    assert all(" --stack-name relais-local" in line for line in deploy[2:])
    assert "lambda invoke --function-name relais-local-check " in check
    assert "--payload '{}'" in check


def test_a_package_is_named_by_what_it_holds(tmp_path: Path) -> None:
    """Several stand side by side; the same content has the same name, and `latest` is the last one made."""
    made = []
    for content in ("one", "another", "one"):
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "deployment.zip").write_text(content)
        (tmp_path / "made" / "sam.json").write_text(json.dumps(template.additions("shop")))
        of = {"configuration": f"fingerprint of {content}", "architecture": "arm64", "bytecode": "3.13.0"}
        version = package._describe(tmp_path / "made", {"stage": "shop", "shared_throttles": [], **of})
        made.append(package._keep(tmp_path / "made", tmp_path / "out", f"shop-{version}"))
        (tmp_path / "out" / "latest").replace(tmp_path / f"latest-{len(made)}")
    assert made[0] == made[2] != made[1]
    assert made[0].name.startswith(f"shop-{__version__}-")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {made[0].name, made[1].name}
    assert [str((tmp_path / f"latest-{n}").readlink()) for n in (1, 2, 3)] == [each.name for each in made]
    for kept, content in ((made[0], "one"), (made[1], "another")):
        facts = json.loads((kept / "package.json").read_text())
        assert facts == {
            "stage": "shop",
            "version": kept.name.removeprefix("shop-"),
            "parameters": list(template.additions("shop")["Parameters"]),
            "configuration": f"fingerprint of {content}",
            "shared_throttles": [],
            "architecture": "arm64",
            "bytecode": "3.13.0",
        }
        script = (kept / "deploy.sh").read_text()
        assert "{stack}" not in script and "{stage}" not in script
        assert f"configuration fingerprint of {content}" in script


def test_hosts_that_are_left_of_the_example_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail whose link leads to relais.example.com would be found out by its readers."""
    document = read_document(template.ROOT / "chalicelib" / "relais.example.toml")
    left = list(with_reserved_hosts(document.values))
    assert {"api.public_url", "organisation.url", "forms.footer.origins", "forms.footer.redirect"} <= set(left)
    (tmp_path / "deployment.zip").write_text("content")
    (tmp_path / "sam.json").write_text(json.dumps(template.additions("prod")))
    facts = {"stage": "prod", "configuration": "", "architecture": "arm64", "bytecode": None, "shared_throttles": []}
    monkeypatch.setattr(package, "package", lambda *_, **__: tmp_path)
    for hosts, warned in ((left, True), ([], False)):
        package._describe(tmp_path, {**facts, "reserved_hosts": hosts})
        assert package.main({"STAGE": "prod", "RELAIS_CONFIG": str(tmp_path / "relais.toml")}, tmp_path) == 0
        assert ("change or delete them: " + ", ".join(left) in capsys.readouterr().out) is warned


@pytest.mark.parametrize(
    ("value", "reserved"),
    [
        ("https://relais.example.com", True),
        ("https://www.example.org/merci", True),
        ("http://crm.test:8080", True),
        ("La Lettre <lettre@Example.com>", True),
        (["http://localhost", "https://www.example.net"], True),
        ("https://example.com.fr", False),
        ("https://myexample.com", False),
        ("http://localhost/example.com", False),
        ("null", False),
        (3, False),
    ],
)
def test_a_host_is_of_the_example_if_nobody_can_have_it(value: object, reserved: bool) -> None:
    assert list(with_reserved_hosts({"section": {"key": value}})) == (["section.key"] if reserved else [])


@pytest.mark.server
def test_packaging_fails_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prod-0.1.0-kept").mkdir()
    (tmp_path / "latest").symlink_to("prod-0.1.0-kept")
    missing = tmp_path / "none.toml"
    assert package.main({"RELAIS_CONFIG": str(missing)}, tmp_path) == 1
    said = capsys.readouterr()
    assert str(missing) in said.err
    assert "relais.example.toml" in said.err
    assert said.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["prod-0.1.0-kept"], (
        "what is kept stays, and is not the latest"
    )


@pytest.mark.server
def test_packaging_fails_with_a_wrong_configuration(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration.write_text(CONFIGURATION.replace("ediware", "edywar"))
    assert package.main({"RELAIS_CONFIG": str(configuration)}, tmp_path) == 1
    assert "accounts.paris.provider" in capsys.readouterr().err
    with pytest.raises(ConfigurationError):
        package.package("prod", configuration, tmp_path)


@pytest.mark.server
@pytest.mark.parametrize(
    "reference",
    [
        *("secret:relais/paris#api_key", "secret:relais/prod/paris", "secret:relais/dev", "secret:relais/dev-2/paris"),
        *("ssm:relais/dev/paris", "ssm:/relais/paris", f"secret:{SECRET_ARN}relais/prod/paris-Ab12Cd#k"),
    ],
)
def test_packaging_refuses_a_secret_that_the_stage_could_not_read(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str], reference: str
) -> None:
    configuration.write_text(CONFIGURATION.replace("secret:relais/{stage}/paris#api_key", reference))
    assert package.main({"RELAIS_CONFIG": str(configuration), "STAGE": "dev"}, tmp_path) == 1
    said = capsys.readouterr().err
    assert f"accounts.paris.api_key: {reference} could not be read" in said
    assert "below relais/dev/ and parameters below /relais/dev/" in said


@pytest.mark.server
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("the key itself", "the value itself would be deployed with the code, for stage dev"),
        ("env:PARIS_KEY", "env:PARIS_KEY could not be read: the template sets no variable PARIS_KEY"),
    ],
)
def test_packaging_refuses_secrets_that_a_deployed_stage_cannot_have(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str], value: str, reason: str
) -> None:
    configuration.write_text(CONFIGURATION.replace("secret:relais/{stage}/paris#api_key", value))
    environ = {"RELAIS_CONFIG": str(configuration), "STAGE": "dev", "PARIS_KEY": "on this machine"}
    assert package.main(environ, tmp_path) == 1
    said = capsys.readouterr()
    assert f"accounts.paris.api_key: {reason}" in said.err
    assert "the key itself" not in said.err + said.out


@pytest.mark.server
def test_a_deployed_form_may_have_links_without_a_public_url(tmp_path: Path, configuration: Path) -> None:
    """The stack has a domain or API Gateway's URL; a package for this machine has neither."""
    links = '[unsubscribe]\nkeys = ["secret:relais/{stage}/links#k1"]\n[forms.footer]\naccount = "paris"\nlist = "1"\n'
    links += 'fields = { email = "@email", "@unsubscribe_url" = "lien" }\n'
    configuration.write_text(CONFIGURATION + links)
    package._checked(configuration, "dev", template.ROOT)
    with pytest.raises(ConfigurationError, match="no unsubscribe link can be made"):
        package._checked(configuration, "local", template.ROOT)


@pytest.mark.parametrize(
    "reference",
    [
        *("secret:relais/{stage}/paris#api_key", "secret:relais/dev/paris", "ssm:/relais/{stage}/paris/key"),
        *("env:KEY", f"secret:{SECRET_ARN}relais/dev/paris-Ab12Cd#k"),
    ],
)
def test_the_stages_own_secrets_are_accepted(tmp_path: Path, configuration: Path, reference: str) -> None:
    configuration.write_text(CONFIGURATION.replace("secret:relais/{stage}/paris#api_key", reference))
    document = read_document(configuration)
    check_secrets_of_stage(document, settings_of(document, {"RELAIS_STAGE": "dev", "KEY": "x"}), "dev", {"KEY"})


def test_anything_goes_on_the_local_stage(configuration: Path) -> None:
    configuration.write_text(CONFIGURATION.replace("secret:relais/{stage}/paris#api_key", "the key itself"))
    document = read_document(configuration)
    check_secrets_of_stage(document, settings_of(document, {}), "local", ())


@pytest.mark.parametrize("stage", ["Production", "a" * 21, "a_b", "../a", "é"])
def test_packaging_fails_for_a_stage_that_cannot_be_a_name(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    assert package.main({"RELAIS_CONFIG": str(configuration), "STAGE": stage}, tmp_path) == 1
    assert f"no stage can be called {stage!r}" in capsys.readouterr().err


@pytest.mark.server
def test_the_command_exits_with_an_error_on_failure(tmp_path: Path) -> None:
    environ = {**os.environ, "RELAIS_CONFIG": str(tmp_path / "none.toml")}
    command = [sys.executable, "-c", "import sys; from local import package; from pathlib import Path; "]
    command[-1] += f"sys.exit(package.main(out=Path({str(tmp_path)!r})))"
    done = subprocess.run(command, cwd=template.ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no such file" in done.stderr


def test_the_zip_contains_only_the_product(packaged: Packaged) -> None:
    with zipfile.ZipFile(packaged.out / "deployment.zip") as made:
        entries = made.namelist()
        assert {entry.external_attr >> 16 & 0o777 for entry in made.infolist()} == {0o644}
    product = {
        str(path.relative_to(template.ROOT))
        for path in (template.ROOT / "chalicelib").rglob("*")
        if path.suffix in {".py", ".html", ".css", ".js"}
    }
    assert product | {"app.py", "chalice/app.py", "chalice/__init__.py", "boto3/__init__.py"} <= set(entries)
    sources = [name for name in entries if "__pycache__" not in name]
    ours = {name for name in sources if name.startswith(("chalicelib/", "local/", "tests/"))}
    assert ours == product | {"chalicelib/relais.toml"}
    assert not any(name.startswith(("moto/", "bin/", "chalice/cli")) for name in entries)
    assert "chalicelib/notes.csv" in packaged.said


def test_the_zip_contains_the_named_configuration_and_the_checkout_is_unchanged(packaged: Packaged) -> None:
    shipped = zipfile.Path(packaged.out / "deployment.zip") / "chalicelib" / "relais.toml"
    assert shipped.read_text() == packaged.configuration.read_text()
    assert (packaged.checkout / "chalicelib" / "relais.toml").read_text() == "another configuration"
    assert not (packaged.checkout / ".chalice" / "deployments").exists()


def test_the_packaged_template_equals_the_one_of_the_local_stack(packaged: Packaged) -> None:
    """Which applies the configuration's forms as well."""
    sam, local = json.loads((packaged.out / "sam.json").read_text()), template.build("local")
    assert sam != local
    throttles.apply(local, settings_of(read_document(packaged.configuration), {"RELAIS_STAGE": "local"}).forms)
    assert sam == local
    assert "/forms/footer/signup" in sam["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    assert sam["Resources"]["Signups"]["Properties"]["CodeUri"] == "./deployment.zip"


def test_the_zip_works_standalone(packaged: Packaged, resources: TestAws) -> None:
    environ = {"PATH": os.environ["PATH"], "RELAIS_STAGE": "local", **resources.environ}
    command = [interpreter(), "-I", "-c", ASK_FOR_HEALTH]
    asked = subprocess.run(command, cwd=packaged.unpacked, env=environ, capture_output=True, text=True, check=False)
    assert asked.stdout.splitlines()[-1:] == ["200"], asked.stdout + asked.stderr


@pytest.mark.slow
def test_the_same_product_gives_the_same_zip(packaged: Packaged, tmp_path: Path) -> None:
    made = package.package("local", packaged.configuration, tmp_path, packaged.checkout)
    assert (made / "deployment.zip").read_bytes() == (packaged.out / "deployment.zip").read_bytes()


@pytest.mark.server
def test_packaging_fails_for_what_lambda_has_not(
    tmp_path: Path, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"RELAIS_CONFIG": str(configuration)}
    assert package.main({**environ, "ARCH": "mips"}, tmp_path) == 1
    assert "ARCH=mips: Lambda has x86_64 and arm64" in capsys.readouterr().err
    assert package.main({**environ, "PYTHON313": str(configuration)}, tmp_path) == 1
    assert f"PYTHON313={configuration} is no Python 3.13" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.server
def test_a_package_for_arm64_has_its_wheels_and_no_other_processors(
    packaged: Packaged, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also that a package without bytecode is the same bytes on every machine, and says what it lacks."""
    environ = {"RELAIS_CONFIG": str(packaged.configuration), "STAGE": "local", "ARCH": "arm64", "PYTHON313": "no"}
    made = []
    for name in ("one", "two"):
        assert package.main(environ, tmp_path / name) == 0
        said = capsys.readouterr().out
        assert "arm64, without bytecode, for lack of python3.13 (PYTHON313=/path/to/python3.13)" in said
        made.append((tmp_path / name / "latest" / "deployment.zip").read_bytes())
    assert made[0] == made[1]
    functions = json.loads((tmp_path / "one" / "latest" / "sam.json").read_text())["Resources"].values()
    processors = [each["Properties"]["Architectures"] for each in functions if "Function" in each["Type"]]
    assert processors == [["arm64"]] * len(template.functions())
    with zipfile.ZipFile(tmp_path / "one" / "latest" / "deployment.zip") as content:
        compiled = {name: content.read(name)[18:20] for name in content.namelist() if name.endswith(".so")}
    assert set(compiled.values()) == {(183).to_bytes(2, "little")}, compiled  # ELF's number for AArch64
    assert len(compiled) > 2
