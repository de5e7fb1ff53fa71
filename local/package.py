"""`make package`: a deployment package of a stage, kept in `out/STAGE-VERSION/`; `out/latest` is the newest one.

The zip contains what Chalice puts there (its router, `app.py`, `chalicelib/`), the configuration, and wheels for the
Python and processor of the template, whatever this machine runs; also their bytecode, where a Python of that version is
on this machine. Beside it are the template, the commands that deploy
both (`deploy.sh`), and what they were made from (`package.json`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib import __version__, names
from chalicelib.config.load import Document, find_path, read_document, settings_of
from chalicelib.config.model import Settings
from chalicelib.domain.errors import ConfigurationError

from . import deployment_zip, runtime_python, template, throttles
from .configuration import check_secrets_of_stage, with_reserved_hosts
from .options import STAGE
from .template import exclusive_lock

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's architectures, by the name that packages' wheels have for them."""
_DEPLOY = Path(__file__).with_name("deploy.sh")


class PackagingError(Exception):
    """The package cannot be built; the message says why."""


def main(environ: Mapping[str, str] = os.environ, out: Path = template.ROOT / "out") -> int:
    """Packages the stage that `STAGE` names (prod by default), for the processor `ARCH`, into `out`; returns the exit
    code.
    """
    stage = environ.get("STAGE") or "prod"
    try:
        made = package(stage, find_path(environ), out, environ=environ)
    except (ConfigurationError, PackagingError, template.TemplateError) as error:
        print(f"Not packaged.\n{error}", file=sys.stderr)
        return 1
    facts = json.loads((made / "package.json").read_text())
    shown = made.relative_to(Path.cwd()) if made.is_relative_to(Path.cwd()) else made
    print(f"{shown}/  stage {stage}, version {facts['version']}; {out.name}/latest is the same")
    size = f"{(made / 'deployment.zip').stat().st_size / 1e6:.1f} MB, {facts['architecture']}"
    print(f"  deployment.zip  {size}, {_bytecode_in_words(facts['bytecode'])}")
    print(f"  sam.json        the template, with the parameters {', '.join(facts['parameters'])}")
    print(f"  package.json    the configuration's fingerprint: {facts['configuration']}")
    if facts["shared_throttles"]:
        shared = ", ".join(facts["shared_throttles"])
        print(
            f"  throttles       {throttles.MOST_FORMS} forms have their own; these share one for all of them: {shared}"
        )
    if facts["reserved_hosts"]:
        left = ", ".join(facts["reserved_hosts"])
        print(f"  WARNING         hosts of the example are left, which lead nowhere; change or delete them: {left}")
    print("  deploy.sh       the commands below")
    print("Deploy it, now or when you want to go back to it, by way of a bucket of yours in the stack's region:")
    print(f"  BUCKET=YOUR-BUCKET sh {shown}/deploy.sh [Parameter=value ...]")
    print("That runs these commands, of which the last one checks accounts, forms and sources:")
    for command in deployment_commands((made / "deploy.sh").read_text()):
        print(f"  {command}")
    return 0


def _bytecode_in_words(version: str | None) -> str:
    if version is not None:
        return f"with the bytecode of Python {version}"
    wanted = f"python{template.RUNTIME_PYTHON}"
    return (
        f"without bytecode, for lack of {wanted} ({runtime_python.VARIABLE}=/path/to/{wanted}): cold starts are slower"
    )


def deployment_commands(script: str) -> Iterator[str]:
    """Yields the commands of a `deploy.sh` that bring the package up, wait for it and check it, each in one line."""
    for line in script[script.index("\naws cloudformation package") :].replace("\\\n", " ").splitlines():
        found = re.match(r"(?:  |if )?((?:AWS_MAX_ATTEMPTS=1 )?aws .*?)(?: \|\| .*|; then)?$", line)
        if found and "delete-change-set" not in line:
            yield re.sub(" +", " ", found[1])


def package(
    stage: str, configuration: Path, out: Path, root: Path = template.ROOT, environ: Mapping[str, str] = os.environ
) -> Path:
    """Writes `deployment.zip`, `sam.json`, `deploy.sh` and `package.json` into a folder of `out`, and returns it.

    `environ` may name the processor (`ARCH`) and the Python that makes the bytecode (`PYTHON313`). Raises
    ConfigurationError when the configuration is missing, wrong or not for this stage, PackagingError when the wheels
    cannot be fetched or what `environ` names is not there, TemplateError when Chalice fails. `out/latest` is removed
    first: after a failure it does not name an earlier package. What is the same has the same name, and replaces itself.
    """
    (out / "latest").unlink(missing_ok=True)
    template.check_stage(stage)
    architecture = _architecture(root, environ)
    python = _find_python(environ)
    document, settings = _checked(configuration, stage, root)
    forms = sorted(settings.forms)
    wheels = install_wheels(root, architecture)
    with tempfile.TemporaryDirectory(prefix="relais-package-") as folder:
        project, made = Path(folder) / "project", Path(folder) / "made"
        project.mkdir()
        made.mkdir()
        for path in template.lay_out(project, stage, root, architecture):
            print(f"left out, not a file type of the product: {path.relative_to(root)}", file=sys.stderr)
        shutil.copy(configuration, project / "chalicelib" / "relais.toml")
        (project / "vendor").symlink_to(wheels)  # where Chalice looks for ready-made packages
        template.run_chalice(project, stage, forms)
        shutil.copy(project / "out" / "sam.json", made / "sam.json")
        try:
            deployment_zip.write(project / "out" / "deployment.zip", made / "deployment.zip", python)
        except deployment_zip.CompileError as error:
            raise PackagingError(str(error)) from error
        configured = hashlib.sha256(configuration.read_bytes()).hexdigest()[:16]
        facts = {
            "stage": stage,
            "configuration": configured,
            "shared_throttles": [form for form in forms if form not in throttles.with_own(forms)],
            "reserved_hosts": list(with_reserved_hosts(document.values)),
            "architecture": architecture,
            "bytecode": python.version if python else None,
        }
        version = _describe(made, facts)
        return _keep(made, out, f"{stage}-{version}")


def _architecture(root: Path, environ: Mapping[str, str]) -> str:
    """Returns the processor to package for: `ARCH`, else that of `.chalice/config.json`. Raises PackagingError."""
    configured = json.loads((root / ".chalice" / "config.json").read_text())
    found: str = environ.get("ARCH") or configured["lambda_architecture"]
    if found not in _MACHINES:
        raise PackagingError(f"ARCH={found}: Lambda has {' and '.join(_MACHINES)}")
    return found


def _find_python(environ: Mapping[str, str]) -> runtime_python.RuntimePython | None:
    try:
        return runtime_python.find(environ)
    except runtime_python.NotThatPython as error:
        raise PackagingError(str(error)) from error


def _checked(configuration: Path, stage: str, root: Path) -> tuple[Document, Settings]:
    """Returns it as it stands, and as the functions of `stage` will read it. Raises ConfigurationError."""
    document = read_document(configuration)
    if stage == STAGE:
        environ = {**os.environ, "RELAIS_STAGE": stage}
    else:
        environ = {**template.variables(stage, root), "RELAIS_API_URL": names.FROM_REQUEST}
    settings = settings_of(document, environ)
    check_secrets_of_stage(document, settings, stage, environ.keys())
    return document, settings


def _describe(made: Path, facts: Mapping[str, Any]) -> str:
    """Writes `deploy.sh`, its files and `package.json` beside the zip and the template; returns the version.

    The version is the product's with a hash of all that is deployed, so that packages of the same version are kept
    apart, of another configuration, too.
    """
    parts = [made / "deployment.zip", made / "sam.json", _DEPLOY]
    content = hashlib.sha256(b"".join(hashlib.sha256(part.read_bytes()).digest() for part in parts)).hexdigest()
    version = f"{__version__}-{content[:10]}"
    parameters = list(json.loads((made / "sam.json").read_text())["Parameters"])
    facts = {**facts, "version": version, "parameters": parameters}
    stage = facts["stage"]
    (made / "package.json").write_text(json.dumps(facts, indent=2) + "\n")
    _write_import(made, stage)
    script = _DEPLOY.read_text()
    filled = {**facts, "parameters": " ".join(parameters), "stack": f"relais-{stage}"}
    for name, value in {**filled, "slug": version.replace(".", "-")}.items():
        script = script.replace("{" + name + "}", str(value))
    (made / "deploy.sh").write_text(script)
    (made / "deploy.sh").chmod(0o755)
    return version


def _write_import(made: Path, stage: str) -> None:
    """Writes what takes the tables of a deleted stack into a new one: a template of them alone, and their names."""
    whole = json.loads((made / "sam.json").read_text())
    tables = {name: each for name, each in whole["Resources"].items() if each.get("Type") == "AWS::DynamoDB::Table"}
    only = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Relais, stage {stage}: the tables of a stack that was deleted.",
        "Parameters": {"ProtectTables": whole["Parameters"]["ProtectTables"]},
        "Conditions": {"TablesAreProtected": whole["Conditions"]["TablesAreProtected"]},
        "Resources": {name: {**table, "DeletionPolicy": "Retain"} for name, table in tables.items()},
    }
    named = [
        {
            "ResourceType": table["Type"],
            "LogicalResourceId": name,
            "ResourceIdentifier": {"TableName": table["Properties"]["TableName"]},
        }
        for name, table in tables.items()
    ]
    (made / "tables.json").write_text(json.dumps(only, indent=2) + "\n")
    (made / "import.json").write_text(json.dumps(named, indent=2) + "\n")


def _keep(made: Path, out: Path, name: str) -> Path:
    """Moves a finished package to its place, and has `latest` name it."""
    kept, half_done = out / name, out / f".{name}"
    out.mkdir(parents=True, exist_ok=True)
    for earlier in (half_done, kept):
        shutil.rmtree(earlier, ignore_errors=True)
    shutil.move(made, half_done)  # from another disk it is copied file by file
    half_done.replace(kept)
    (out / "latest").unlink(missing_ok=True)
    (out / "latest").symlink_to(name)
    return kept


def install_wheels(root: Path = template.ROOT, architecture: str = "x86_64") -> Path:
    """Installs the runtime requirements for Lambda into a folder under `.local/`, cached until they change."""
    machine = _MACHINES[architecture]
    pins = [root / name for name in ("requirements.txt", "constraints.txt")]
    key = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:16]
    cached = root / ".local" / "wheels" / f"{template.RUNTIME_PYTHON}-{machine}-{key}"
    with exclusive_lock(cached.parent.with_suffix(".lock")):
        if not cached.is_dir():
            for earlier in cached.parent.glob(f"*-{machine}-*"):
                shutil.rmtree(earlier, ignore_errors=True)
            half_done = cached.with_suffix(".half-done")
            _run_pip(pins[0], half_done, machine)
            half_done.replace(cached)
    return cached


def _run_pip(requirements: Path, target: Path, machine: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    command += ["--requirement", str(requirements), "--target", str(target), "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", template.RUNTIME_PYTHON]
    # Lambda's python3.13 runs on Amazon Linux 2023, whose glibc is 2.34.
    command += ["--platform", f"manylinux2014_{machine}", "--platform", f"manylinux_2_28_{machine}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackagingError(f"pip could not fetch the wheels for Lambda:\n{done.stderr.strip()}")
    shutil.rmtree(target / "bin", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
