"""`python -m tests.support.shifted_aws`: the embedded AWS, whose SQS follows a clock that the test owns."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local.aws.__main__ import main
from tests.support.shifted_clock import VARIABLE, MovedClock

if __name__ == "__main__":
    sys.exit(main(now=MovedClock(Path(os.environ[VARIABLE])).time))
