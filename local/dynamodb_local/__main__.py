"""`python -m local.dynamodb_local`: installs it once; exits with 1 and the reason if it cannot."""

from __future__ import annotations

import sys

from .install import Unavailable, install

try:
    install()
except Unavailable as reason:
    print(f"{reason}; tests over it are skipped.", file=sys.stderr)
    sys.exit(1)
