"""`make package`: the deployment zip and the template of a stage, in `out/`.

The zip contains what Chalice puts there (its router, `app.py`, `chalicelib/`), the configuration, and wheels for the
Python and processor of the template, whatever this machine runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from chalicelib.config.load import find_path, read_document, settings_of
from chalicelib.domain.errors import ConfigurationError

from . import template
from .configuration import check_secrets_of_stage
from .template import exclusive_lock

_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_BUILT = ("deployment.zip", "sam.json")


class PackagingError(Exception):
    """The package cannot be built; the message says why."""


def main(environ: Mapping[str, str] = os.environ, out: Path = template.ROOT / "out") -> int:
    """Package the stage that `STAGE` names (prod by default) into `out`; returns the exit code."""
    stage = environ.get("STAGE") or "prod"
    try:
        package(stage, find_path(environ), out)
    except (ConfigurationError, PackagingError, template.TemplateError) as error:
        print(f"Not packaged.\n{error}", file=sys.stderr)
        return 1
    print(
        f"out/deployment.zip  {(out / 'deployment.zip').stat().st_size / 1e6:.1f} MB\nout/sam.json        stage {stage}"
    )
    print("To deploy it, by way of a bucket of yours; the last command checks accounts, forms and sources:")
    for command in deployment_commands(stage):
        print(f"  {command}")
    return 0


def deployment_commands(stage: str) -> tuple[str, ...]:
    """Return the commands that deploy the package and then check what it is configured with."""
    return (
        "aws cloudformation package --template-file out/sam.json --output-template-file out/sam.yaml --s3-bucket ...",
        f"aws cloudformation deploy --template-file out/sam.yaml --stack-name relais-{stage}"
        " --capabilities CAPABILITY_IAM --s3-bucket ...",
        f"python3 -m local invoke check --stage {stage}",
    )


def package(stage: str, configuration: Path, out: Path, root: Path = template.ROOT) -> None:
    """Write `deployment.zip` and `sam.json` into `out`.

    Raises ConfigurationError when the configuration is missing, wrong or not for this stage, PackagingError when the
    wheels cannot be fetched, TemplateError when Chalice fails. Files of an earlier run in `out` are removed first: a
    failure leaves nothing to deploy.
    """
    for name in _BUILT:
        (out / name).unlink(missing_ok=True)
    template.check_stage(stage, root)
    document = read_document(configuration)
    check_secrets_of_stage(document, settings_of(document, {**os.environ, "RELAIS_STAGE": stage}), stage)
    wheels = install_wheels(root)
    with tempfile.TemporaryDirectory(prefix="relais-package-") as folder:
        project = Path(folder)
        for path in template.lay_out(project, stage, root):
            print(f"left out, not a file type of the product: {path.relative_to(root)}", file=sys.stderr)
        shutil.copy(configuration, project / "chalicelib" / "relais.toml")
        (project / "vendor").symlink_to(wheels)  # where Chalice looks for ready-made packages
        template.run_chalice(project, stage)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / "out" / "sam.json", out / "sam.json")
        _rewrite_zip(project / "out" / "deployment.zip", out / "deployment.zip")


def install_wheels(root: Path = template.ROOT) -> Path:
    """Install the runtime requirements for Lambda into a folder under `.local/`, cached until they change."""
    configured = json.loads((root / ".chalice" / "config.json").read_text())
    machine = _MACHINES[configured["lambda_architecture"]]
    pins = [root / name for name in ("requirements.txt", "constraints.txt")]
    key = hashlib.sha256(b"\0".join(pin.read_bytes() for pin in pins)).hexdigest()[:16]
    cached = root / ".local" / "wheels" / f"{template.RUNTIME_PYTHON}-{machine}-{key}"
    with exclusive_lock(cached.parent.with_suffix(".lock")):
        if not cached.is_dir():
            shutil.rmtree(cached.parent, ignore_errors=True)
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


def _rewrite_zip(source: Path, target: Path) -> None:
    """Copy the files, readable by Lambda's user whatever the umask here; the same content gives the same bytes."""
    with zipfile.ZipFile(source) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for name in sorted(set(made.namelist())):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(entry, made.read(name))


if __name__ == "__main__":
    sys.exit(main())
