"""`python -m local.bench [NAME …]`: runs all benchmarks, or those named."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from types import ModuleType

from local import bench
from local.bench.table import shown


def found() -> dict[str, ModuleType]:
    """Returns the benchmarks by name."""
    names = [each.name for each in pkgutil.iter_modules(bench.__path__) if not each.name.startswith("_")]
    modules = {name: importlib.import_module(f"local.bench.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "rows")}


def main(names: list[str]) -> int:
    """Runs and prints; returns 2 for an unknown name."""
    benchmarks = found()
    unknown = [name for name in names if name not in benchmarks]
    if unknown:
        print(f"there is no benchmark {unknown[0]}; there are {', '.join(benchmarks)}", file=sys.stderr)
        return 2
    started = time.monotonic()
    for name in names or benchmarks:
        heading = (benchmarks[name].__doc__ or name).strip().splitlines()[0]
        print(shown(f"{name}: {heading}", benchmarks[name].rows()), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
