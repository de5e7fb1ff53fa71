"""The import rule that no list could keep: whatever providers there are, nothing else names one of them."""

from __future__ import annotations

import pkgutil

import grimp

from chalicelib import providers


def test_nothing_names_a_provider_but_the_provider_itself() -> None:
    graph = grimp.build_graph("chalicelib", "local", cache_dir=None)
    found = pkgutil.iter_modules(providers.__path__, "chalicelib.providers.")
    packages = [module.name for module in found if module.ispkg]
    assert packages
    named = {
        (importer, imported)
        for package in packages
        for imported in {package, *graph.find_descendants(package)}
        for importer in graph.find_modules_that_directly_import(imported)
        if importer != package and not importer.startswith(f"{package}.")
    }
    assert not named
