"""Writes the deployment zip: what Lambda needs of the packages, and their bytecode.

Lambda cannot write into its task root, so a zip without bytecode is compiled anew at every cold start. The bytecode is
*unchecked*: Python runs it without a look at the source. So it is made here alone, from the very sources in the same
zip, and bytecode that came with a package is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from .runtime_python import RuntimePython

AWS_SERVICES = ("dynamodb", "secretsmanager", "sesv2", "sqs", "ssm")
"""The services of which the product makes clients; botocore's data of all others is left out of the zip."""
TASK_ROOT = "/var/task"
"""Where Lambda unpacks the zip; tracebacks name files there."""
_DATA = ("botocore/data/", "boto3/data/")
_ENDPOINTS = "botocore/data/endpoints.json"
"""Which regions have which service; the first client of a process reads it whole."""
_NEVER_READ = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h"})
_OF_NO_USE = (
    "certifi/tests/",
    "boto3/examples/",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui",
)
# Packages that others require and no function imports: without bytecode they would still work.
_NEVER_IMPORTED = ("aws_lambda_powertools/event_handler/", "cffi/", "dns/", "pycparser/")
# Reads names of sources from standard input; writes each one's bytecode beside it.
_COMPILE = f"""
import py_compile, sys
for name in sys.stdin.read().splitlines():
    py_compile.compile(
        name, dfile="{TASK_ROOT}/" + name, doraise=True, optimize=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
"""


class CompileError(Exception):
    """A packaged module could not be compiled; the message says which."""


def write(source: Path, target: Path, python: RuntimePython | None) -> None:
    """Writes the shipped files of `source`, a zip, to `target`, with their bytecode if there is a Python to make it.

    They are readable by Lambda's user whatever the umask here. The same content and patch version of Python give the
    same bytes. Raises CompileError.
    """
    with zipfile.ZipFile(source) as made, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        content = {name: made.read(name) for name in set(made.namelist()) if is_shipped(name)}
        if _ENDPOINTS in content:
            content[_ENDPOINTS] = of_used_services(content[_ENDPOINTS])
        if python is not None:
            content.update(_bytecode(content, python))
        for name in sorted(content):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(entry, content[name])


def is_shipped(name: str) -> bool:
    """Returns whether a file of the packages belongs in the zip.

    Packages' metadata stays, since code looks up versions there, and licences demand to be passed on; but not its list
    of files (`RECORD`), of which some are missing now.
    """
    path = PurePosixPath(name)
    if path.suffix in _NEVER_READ or name.startswith(_OF_NO_USE):
        return False
    if path.name == "RECORD" and path.parent.suffix == ".dist-info":
        return False
    of_a_service = name.startswith(_DATA) and len(path.parts) > 3
    return not of_a_service or path.parts[2] in AWS_SERVICES


def of_used_services(endpoints: bytes) -> bytes:
    """Returns botocore's list of endpoints without the services that are not used, of 22 KB instead of 1.2 MB."""
    whole = json.loads(endpoints)
    for partition in whole["partitions"]:
        known = partition["services"]
        partition["services"] = {name: known[name] for name in AWS_SERVICES if name in known}
    return json.dumps(whole, separators=(",", ":")).encode()


def _bytecode(content: dict[str, bytes], python: RuntimePython) -> dict[str, bytes]:
    """Returns the bytecode of the modules that functions import, by the names under which Python looks for them."""
    sources = sorted(name for name in content if name.endswith(".py") and not name.startswith(_NEVER_IMPORTED))
    tag = f"cpython-{''.join(python.version.split('.')[:2])}"
    with tempfile.TemporaryDirectory(prefix="relais-bytecode-") as folder:
        root = Path(folder)
        for name in sources:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content[name])
        # The seed decides the order of constants that are sets; nothing of this environment may change the result.
        environ = {"PATH": os.defpath, "PYTHONHASHSEED": "0"}
        command = [str(python.path), "-s", "-S", "-P", "-c", _COMPILE]
        done = subprocess.run(
            command, cwd=root, env=environ, input="\n".join(sources), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise CompileError(f"Python {python.version} ({python.path}) could not compile:\n{done.stderr.strip()}")
        return {str(made.relative_to(root)): made.read_bytes() for made in root.rglob(f"__pycache__/*.{tag}.pyc")}
