"""`python -m tests.mutants [NAME ...]`: which test detects which mutant, as a table; exit 1 if one survives."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.running import Mutant, Outcome, run_one, unchanged
from tests.mutants.table import MUTANTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named mutants, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    chosen = [mutant for mutant in MUTANTS if not options.names or mutant.name in options.names]
    return report(chosen, options.jobs)


def report(mutants: Sequence[Mutant], jobs: int) -> int:
    """Print one line for each mutant when it is finished, then the problems."""
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        plain = pool.submit(unchanged, mutants)
        results = pool.map(run_one, mutants)
        say("mutant", "promise", "seconds", "detected by")
        survivors = [
            mutant.name for mutant, outcome in zip(mutants, results, strict=True) if not shown(mutant, outcome)
        ]
        base = plain.result()
    healthy = base.killed_by is None and base.failure is None
    say("(unchanged)", "", f"{base.seconds:.1f}", f"{base.passed} tests pass" if healthy else f"FAILS: {_why(base)}")
    if survivors:
        sys.stdout.write(f"\n{len(survivors)} of {len(mutants)} not detected: {', '.join(survivors)}\n")
    else:
        sys.stdout.write(f"\nall {len(mutants)} detected\n")
    return 0 if healthy and not survivors else 1


def shown(mutant: Mutant, outcome: Outcome) -> bool:
    """Print a mutant's line; True if it was detected."""
    result = outcome.killed_by or f"NOT DETECTED: {outcome.failure or f'{outcome.passed} tests pass'}"
    say(mutant.name, f"{mutant.promise} {mutant.breaks}", f"{outcome.seconds:.1f}", result)
    return outcome.killed_by is not None


def _why(outcome: Outcome) -> str:
    return outcome.killed_by or outcome.failure or ""


def say(name: str, promise: str, seconds: str, result: str) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{name:<34}  {promise:<72}  {seconds:>7}  {result}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
