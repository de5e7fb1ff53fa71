"""What is in the deployment zip besides the product's own files: packages, data of AWS' services, bytecode."""

from __future__ import annotations

import _imp
import ast
import json
import subprocess
import zipfile
from pathlib import Path

import boto3
import pytest

from local import deployment_zip, template
from local.lambdas.runtime_client import clean_environ
from local.runtime_python import RuntimePython
from tests.packaged.functions import isolated
from tests.support.packaging import Packaged, lambdas_python

MOST_MEGABYTES, MOST_WITH_BYTECODE = 10, 15
UNCHECKED = 0b01
REGIONS = ("eu-west-3", "us-gov-west-1", "cn-north-1")
# Run in the unpacked zip: a client of each service, and what its operations are looked up in.
MAKE_CLIENTS = """
import json, os, sys
import boto3
assert boto3.__file__.startswith(os.getcwd()), boto3.__file__
regions, names = (text.split() for text in sys.argv[1:])
session = boto3.session.Session()
made = [session.client(name, region_name=region) for region in regions for name in names]
print(json.dumps([[len(client.meta.service_model.operation_names), client.meta.endpoint_url] for client in made]))
"""

# Run there, too: what is compiled by loading every module of the product, and clients.
COMPILED = """
import importlib, importlib.machinery, json, pkgutil, sys
compiled, original = [], importlib.machinery.SourceFileLoader.source_to_code
def noted(self, data, path, **options):
    compiled.append(path)
    return original(self, data, path, **options)
importlib.machinery.SourceFileLoader.source_to_code = noted
import app, boto3, chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
for name in sys.argv[1:]:
    boto3.client(name, region_name="eu-west-3")
print(json.dumps([len(sys.modules), compiled]))
"""


@pytest.fixture
def python() -> RuntimePython:
    """Lambda's Python; skips where there is none."""
    found = lambdas_python()
    if found is None:
        pytest.skip("no Python of Lambda's version on this machine")
    return found


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def test_a_client_of_each_service_can_be_made_with_the_endpoint_that_boto3_knows(packaged: Packaged) -> None:
    environ = clean_environ(packaged.unpacked)
    command = isolated("-c", MAKE_CLIENTS, " ".join(REGIONS), " ".join(deployment_zip.AWS_SERVICES))
    done = subprocess.run(command, cwd=packaged.unpacked, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert min(operations for operations, _ in made) > 5
    session = boto3.session.Session("local", "local")
    known = [
        session.client(name, region_name=region).meta.endpoint_url
        for region in REGIONS
        for name in deployment_zip.AWS_SERVICES
    ]
    assert [endpoint for _, endpoint in made] == known


@pytest.mark.seconds
def test_the_product_makes_clients_of_those_services_alone() -> None:
    """A new one is added to `AWS_SERVICES`, or every function that uses it fails once it is deployed."""
    named, elsewhere = set(), []
    for path in sorted((template.ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr not in ("client", "resource", "create_client") or not node.args:
                    continue
                if isinstance(node.args[0], ast.Constant):
                    named.add(node.args[0].value)
                else:
                    elsewhere.append(path.name)
    assert elsewhere == [
        "aws.py",
        "secret_cache.py",
    ]  # what it is asked for; of Secrets Manager or Systems Manager, as a reference begins
    assert named | {"secretsmanager", "ssm"} == set(deployment_zip.AWS_SERVICES)


def test_the_zip_is_small(packaged: Packaged) -> None:
    assert packaged.megabytes < (MOST_WITH_BYTECODE if lambdas_python() else MOST_MEGABYTES)
    with zipfile.ZipFile(packaged.out / "deployment.zip") as made:
        assert made.getinfo("botocore/data/endpoints.json").file_size < 50_000
        sources = [entry for entry in made.infolist() if not entry.filename.endswith(".pyc")]
    assert sum(entry.compress_size + 2 * len(entry.filename) + 98 for entry in sources) < MOST_MEGABYTES * 1e6


def test_packages_keep_what_they_and_their_licences_need() -> None:
    kept = [
        *("botocore/data/endpoints.json", "botocore/data/_retry.json", "botocore/data/partitions.json"),
        *("botocore/data/sqs/2012-11-05/service-2.json.gz", "boto3/data/dynamodb/2012-08-10/resources-1.json"),
        *("requests-2.34.2.dist-info/METADATA", "idna-3.20.dist-info/licenses/LICENSE.md", "certifi/cacert.pem"),
        *("tzdata/zoneinfo/Europe/Paris", "cryptography/hazmat/bindings/_rust.abi3.so", "chalicelib/relais.toml"),
    ]
    left_out = [
        *("botocore/data/ec2/2016-11-15/service-2.json.gz", "boto3/data/ec2/2016-11-15/resources-1.json"),
        *("requests-2.34.2.dist-info/RECORD", "certifi/tests/test_certify.py", "cryptography/x509.pyi"),
        "aws_lambda_powertools/event_handler/openapi/swagger_ui/swagger-ui-bundle.min.js",
        *("cffi/parse_c_type.h", "requests/__pycache__/api.cpython-313.pyc", "requests/api.pyc"),
    ]
    assert [name for name in (*kept, *left_out) if deployment_zip.is_shipped(name)] == kept


def test_bytecode_is_that_of_the_sources_beside_it(packaged: Packaged, python: RuntimePython) -> None:
    """Nothing checks this in Lambda: Python runs unchecked bytecode whatever the source has become."""
    with zipfile.ZipFile(packaged.out / "deployment.zip") as made:
        entries = set(made.namelist())
        compiled = sorted(name for name in entries if name.endswith(".pyc"))
        for name in compiled:
            source = name.replace("__pycache__/", "").replace(".cpython-313.pyc", ".py")
            header = made.read(name)[:16]
            assert int.from_bytes(header[4:8], "little") == UNCHECKED, name
            assert header[8:] == _imp.source_hash(int.from_bytes(header[:4], "little"), made.read(source)), name
    assert {f"{name[:-3]}.pyc" for name in entries if name.startswith("chalicelib/") and name.endswith(".py")} == {
        name.replace("__pycache__/", "").replace(".cpython-313", "")
        for name in compiled
        if name.startswith("chalicelib/")
    }
    facts = json.loads((packaged.out / "package.json").read_text())
    assert facts["bytecode"] == python.version


def test_functions_compile_nothing(packaged: Packaged, python: RuntimePython) -> None:
    """The bytecode is found and taken, and what is without it is imported by no module."""
    command = isolated("-c", COMPILED, *deployment_zip.AWS_SERVICES)
    environ = clean_environ(packaged.unpacked)
    done = subprocess.run(command, cwd=packaged.unpacked, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules, compiled = json.loads(done.stdout)
    assert modules > 500
    assert compiled == []


@pytest.mark.server
def test_bytecode_that_came_with_a_package_is_never_shipped(tmp_path: Path, python: RuntimePython) -> None:
    stale = {"one/__pycache__/part.cpython-313.pyc": b"stale", "one/gone.pyc": b"stale"}
    source = zip_of(tmp_path / "source.zip", {"one/part.py": b"X = {'a', 'b'}\n", **stale})
    deployment_zip.write(source, tmp_path / "without.zip", None)
    deployment_zip.write(source, tmp_path / "with.zip", python)
    with zipfile.ZipFile(tmp_path / "without.zip") as without, zipfile.ZipFile(tmp_path / "with.zip") as made:
        assert without.namelist() == ["one/part.py"]
        assert made.namelist() == ["one/__pycache__/part.cpython-313.pyc", "one/part.py"]
        bytecode = made.read("one/__pycache__/part.cpython-313.pyc")
    assert b"/var/task/one/part.py" in bytecode
    assert str(tmp_path).encode() not in bytecode


@pytest.mark.server
def test_a_module_that_cannot_be_compiled_is_named(tmp_path: Path, python: RuntimePython) -> None:
    source = zip_of(tmp_path / "source.zip", {"broken/part.py": b"def :\n"})
    with pytest.raises(deployment_zip.CompileError, match=r"/var/task/broken/part\.py"):
        deployment_zip.write(source, tmp_path / "made.zip", python)


def test_the_same_files_give_the_same_world_readable_zip(tmp_path: Path) -> None:
    made = []
    for number, mode in enumerate((0o600, 0o755)):
        names = ["app.py", "chalicelib/names.py", "app.py"][number : number + 2]
        source, target = tmp_path / f"{number}.zip", tmp_path / f"{number}-rewritten.zip"
        with zipfile.ZipFile(source, "w") as written:
            for name in names:
                entry = zipfile.ZipInfo(name, (2026, 3, 1 + number, 9, 30, 0))
                entry.external_attr = mode << 16
                written.writestr(entry, f"# {name}\n" * 100)
        deployment_zip.write(source, target, None)
        made.append(target.read_bytes())
        with zipfile.ZipFile(target) as rewritten:
            assert {entry.external_attr >> 16 & 0o777 for entry in rewritten.infolist()} == {0o644}
    assert made[0] == made[1]
