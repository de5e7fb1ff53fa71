"""Mutation tests of the delivery promises: known faults that `make test` must detect.

`python -m tests.mutants` breaks the product in one place at a time (`table.py`) and runs the tests that are named for
that place. A mutant that no assertion detects has survived, and the exit status is 1.
"""
