# Every command sets up what it needs. It takes Python 3.11 or newer and make, nothing else.

SHELL := /bin/sh
PY := .venv/bin/python
# Named after the content of the requirement files: a changed pin means a new set-up.
READY := .venv/ready-$(shell cat requirements.txt requirements-dev.txt constraints.txt local/setup.py | cksum | tr -d ' ')
CODE := app.py chalicelib local

.PHONY: help run test bench package lint types imports format setup clean

help:
	@echo "make run       the whole product on this machine, in the foreground"
	@echo "make test      every test; PYTEST_ARGS=... narrows them down"
	@echo "make bench     what it costs: counts, and ratios of times; BENCH=... names single benchmarks"
	@echo "make package   out/: the deployment zip and template; STAGE=prod, RELAIS_CONFIG=chalicelib/relais.toml"
	@echo "make lint types imports    the checks;  make format, setup, clean"

# exec: signals reach the stack itself, and nothing stays between it and make.
run: $(READY)
	@exec $(PY) -m local

# What is held against the clock, and what keeps every processor busy by itself, run alone; everything else file by file in
# several processes: many a test waits, so there may be more of them than processors. Files start in their own order,
# since those with the fewest tests, which come last otherwise, take longest. Coverage is judged over all runs, and only
# when every test has run. The chaos suite says its seed and its figures, so its output is not kept back. Tests that start
# make themselves are to find none above them.
PYTEST := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(PY) -m pytest
COVERAGE := --cov=chalicelib --cov-branch
TEST_PROCESSES ?= 3
ALONE := tests/e2e/test_bulk.py tests/e2e/test_webhooks.py
CHAOS := tests/chaos

test: $(READY)
ifneq ($(strip $(PYTEST_ARGS)),)
	@$(PYTEST) $(PYTEST_ARGS)
else
	@failed=0; \
	$(PYTEST) -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(COVERAGE) --cov-report= --cov-fail-under=0 $(ALONE:%=--ignore=%) $(CHAOS:%=--ignore=%) || failed=1; \
	$(PYTEST) $(COVERAGE) --cov-append --cov-report= --cov-fail-under=0 $(ALONE) || failed=1; \
	$(PYTEST) $(COVERAGE) --cov-append --cov-report=term -s $(CHAOS) || failed=1; \
	exit $$failed
endif

bench: $(READY)
	@exec $(PY) -m local.bench $(BENCH)

package: $(READY)
	@exec $(PY) -m local.package

lint: $(READY)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: $(READY)
	@$(PY) -m mypy $(CODE)

imports: $(READY)
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

format: $(READY)
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

# DynamoDB Local is for tests alone: a machine that cannot have it lacks nothing else.
setup: $(READY)
	@$(PY) -m local.dynamodb_local || [ -z "$$RELAIS_EVERYTHING" ]

$(READY):
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec $$python local/setup.py $@; \
	  fi; \
	done; \
	echo "Relais needs Python 3.11 or newer; none of python3, python3.14 ... python3.11 is (PYTHON=... names another)." >&2; \
	exit 1

clean:
	rm -rf .venv .local out .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .chalice/deployments
