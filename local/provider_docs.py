"""Writes what the providers declare into docs/providers/: a table of capabilities, and each provider's functions.

`python -m local.provider_docs` rewrites the marked parts; with `--check` it only says whether they are current.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from chalicelib.providers import registry
from chalicelib.providers.spec import Function, ProviderSpec, RateLimit

DOCS = Path(__file__).resolve().parent.parent / "docs" / "providers"
BAR = r"\|"
"""A bar within a cell of a table."""
_MARKED = r"(<!-- {part}: [^\n]*-->\n).*?(<!-- end -->)"


def pages() -> Iterator[tuple[Path, str, str]]:
    """Yields every page with a marked part: its path, its text as it stands, and as it should be."""
    every = [registry.spec(name) for name in registry.names()]
    specs = [spec for spec in every if not spec.capabilities.keeps_nothing]  # which is no vendor to be compared
    yield _page(DOCS / "README.md", "capabilities", capabilities(specs))
    for spec in specs:
        yield _page(DOCS / f"{spec.name}.md", "functions", functions(spec.functions))


def _page(path: Path, part: str, table: str) -> tuple[Path, str, str]:
    text = path.read_text(encoding="utf-8")
    pattern = re.compile(_MARKED.format(part=part), re.DOTALL)
    made, found = pattern.subn(lambda marks: f"{marks[1]}{table}\n{marks[2]}", text)
    if not found:
        sys.exit(f"{path} has no part marked <!-- {part}: … --> … <!-- end -->")
    return path, text, made


def capabilities(specs: Sequence[ProviderSpec]) -> str:
    """Returns a table with a column for each provider."""
    rows = [
        ("", [f"[{spec.title}]({spec.name}.md)" for spec in specs]),
        ("`provider`", [f"`{spec.name}`" for spec in specs]),
        ("contact lists", [_yes(spec.capabilities.has_lists) for spec in specs]),
        ("contacts in a signup call", [str(spec.capabilities.signup_batch or "no signups") for spec in specs]),
        ("the same signup twice", [_twice(spec) for spec in specs]),
        ("concurrent calls", [str(spec.capabilities.parallel_calls) for spec in specs]),
        ("unsubscribes can be read", [_yes(spec.capabilities.reads_unsubscribes) for spec in specs]),
        ("subscribers can be read", [_yes(spec.capabilities.reads_subscribers) for spec in specs]),
        ("a suppression can be lifted", [_yes(spec.capabilities.lifts_suppression) for spec in specs]),
        ("a person can be deleted", [_yes(spec.capabilities.deletes_subscribers) for spec in specs]),
        ("unsubscribe from all senders", [_yes(spec.capabilities.has_global_unsubscribe) for spec in specs]),
        ("statistics", [spec.capabilities.statistics.replace("_", " ") for spec in specs]),
        ("campaigns are shown for", [_days(spec.capabilities.statistics_retention) for spec in specs]),
        ("stated rate limit", [_rate(spec.capabilities.rate_limit) for spec in specs]),
        ("is told of events, by their ids", [_yes(spec.capabilities.receives_events) for spec in specs]),
        ("functions", [str(len(spec.functions)) for spec in specs]),
    ]
    lines = [f"| {' | '.join([name, *cells])} |" for name, cells in rows]
    return "\n".join([lines[0], "|---" * (len(specs) + 1) + "|", *lines[1:]])


def functions(declared: Sequence[Function]) -> str:
    """Returns a table of functions, as `call_provider` takes them."""
    if not declared:
        return "None: there is nothing that `call_provider` could call."
    rows = ((f"`{each.name}`", _parameters(each), _yes(each.changes), each.help) for each in declared)
    lines = [f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |" for row in rows]
    return "\n".join(["| function | parameters | needs `confirm` | |", "|---|---|---|---|", *lines])


def _parameters(function: Function) -> str:
    each = [f"`{one.name}{'' if one.required else '?'}` {one.type}: {one.help}" for one in function.parameters]
    return "<br>".join(each) or "none"


def _twice(spec: ProviderSpec) -> str:
    if not spec.capabilities.signup_batch:
        return "–"
    return "leaves one contact" if spec.capabilities.signup_repeat_is_harmless else "may leave two rows"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _days(retention: timedelta | None) -> str:
    return "not stated" if retention is None else f"{retention.days} days"


def _rate(limit: RateLimit | None) -> str:
    return "none" if limit is None else f"{limit.calls} in {limit.seconds:g} s per {limit.shared_by}"


def main(arguments: Sequence[str]) -> int:
    """Rewrites the pages, or only say which are not current; returns the exit code."""
    stale = [(path, made) for path, text, made in pages() if text != made]
    for path, made in stale:
        if "--check" in arguments:
            print(f"{path} is not current: run python -m local.provider_docs", file=sys.stderr)
        else:
            path.write_text(made, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
