"""`python -m local.dynamodb_local`: install it, if it is not; 1 if this machine cannot have it, saying why."""

from __future__ import annotations

import sys

from .install import Unavailable, install

try:
    install()
except Unavailable as reason:
    print(f"{reason}; tests over it are skipped.", file=sys.stderr)
    sys.exit(1)
