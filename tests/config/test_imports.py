"""Loading a configuration imports nothing that it does not need: a cold start pays for every import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import chalicelib

ROOT = Path(chalicelib.__file__).parent.parent
PROGRAM = """
import sys
from pathlib import Path
from chalicelib.config import load, model, secrets
load.load(Path("chalicelib/relais.example.toml"), {})
print([name for name in ("boto3", "botocore", "aws_lambda_powertools") if name in sys.modules])
"""


@pytest.mark.server
def test_loading_imports_no_aws_library() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
