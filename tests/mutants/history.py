"""The mutants of the statistics' history."""

from __future__ import annotations

from tests.mutants.running import Mutant

HISTORY = (
    Mutant(
        "snapshot-without-a-change",
        promise=6,
        breaks="a snapshot is written although no figure changed",
        file="chalicelib/domain/figures.py",
        before="    return any(value is not None and value != before for before, value in pairs)\n",
        after="    return any(value is not None for before, value in pairs)\n",
        tests=("tests/statistics/test_store.py",),
    ),
    Mutant(
        "missing-figure-counts-as-change",
        promise=6,
        breaks="a figure that an answer lacks is written as a change",
        file="chalicelib/domain/figures.py",
        before="    return any(value is not None and value != before for before, value in pairs)\n",
        after="    return any(value != before for before, value in pairs)\n",
        tests=("tests/domain/test_figures.py",),
    ),
    Mutant(
        "older-reading-replaces-newer",
        promise=6,
        breaks="a slow run puts older figures in the place of newer ones",
        file="chalicelib/statistics/store.py",
        before='_NOT_NEWER = "attribute_not_exists(pk) OR (taken_at <= :taken_at{known})"\n',
        after='_NOT_NEWER = "attribute_not_exists(pk) OR (taken_at <= :taken_at{known}) OR taken_at > :taken_at"\n',
        tests=("tests/statistics/test_store.py",),
    ),
)
