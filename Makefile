# Every command sets up what it needs. It takes Python 3.11 or newer and make, nothing else.

SHELL := /bin/sh
PY := .venv/bin/python
# Named after the content of the requirement files: a changed pin means a new set-up.
READY := .venv/ready-$(shell cat requirements.txt requirements-dev.txt constraints.txt local/setup.py | cksum | tr -d ' ')
CODE := app.py chalicelib local

.PHONY: help run check quick-tests test test-slow test-all mutants bench screenshots package lint types imports format setup clean

help:
	@echo "make run       the whole product on this machine, in the foreground; RELAIS_CONFIG=my.toml, PORT=8000"
	@echo "make check     while writing: lint, types, imports and the tests that need no server; a minute"
	@echo "make test      every behaviour once, in five minutes; PYTEST_ARGS=... narrows down"
	@echo "make test-all  make test, then what takes long (make test-slow)"
	@echo "make mutants   mistakes made on purpose, and which test notices each"
	@echo "make bench     what it costs: counts, and ratios of times; BENCH=... names single benchmarks"
	@echo "make screenshots   docs/pictures/: the dashboard of the sample world; needs Chromium"
	@echo "make package   out/STAGE-VERSION/: what is deployed, and its deploy.sh; STAGE=prod, ARCH=arm64, RELAIS_CONFIG=..."
	@echo "make lint types imports    the checks;  make format, setup, clean"

# exec: signals reach the stack itself, and nothing stays between it and make.
run: $(READY)
	@exec $(PY) -m local

# Tests are collected once and run in forked processes, one more than there are processors, since many a test waits for
# others (tests/runner). Tests that start make themselves are to find none above them. Compiled tests are kept even where
# the environment says otherwise: compiling them anew takes longer than collecting them.
PYTEST := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u SLOW -u PYTEST_ARGS -u PROCESSES -u COVERAGE \
  -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest
PROCESSES ?= $(shell $(PY) -c 'import os; print((os.cpu_count() or 1) + 1)' 2>/dev/null || echo 2)
# COVERAGE=yes measures it, and takes twice as long.
MEASURED := $(if $(COVERAGE),--cov=chalicelib --cov-branch --cov-report=term)
# With PYTEST_ARGS the named tests run in one process, so that a debugger and -s work.
RUN = $(PYTEST) $(if $(strip $(PYTEST_ARGS)),,--processes $(PROCESSES))

# Types and layers are checked while the tests are collected, which uses one processor. With PYTEST_ARGS one by one:
# make would give the terminal to any of them.
check: $(READY)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory $(if $(strip $(PYTEST_ARGS)),,-j3) types imports quick-tests

quick-tests: $(READY)
	@$(RUN) -m "not slow and not server and not seconds" --no-servers $(PYTEST_ARGS)

test: $(READY)
	@$(RUN) -m "not slow" $(MEASURED) $(PYTEST_ARGS)

# What `make test-all` adds to `make test`; .ci/run leaves the rehearsals out, which take twenty minutes by themselves.
SLOW ?= slow
test-slow: $(READY)
	@RELAIS_THOROUGH=yes $(RUN) -m "$(SLOW)" $(PYTEST_ARGS)

test-all: $(READY)
	@failed=0; for part in test test-slow; do $(MAKE) --no-print-directory $$part || failed=1; done; exit $$failed

mutants: $(READY)
	@$(PY) -m tests.mutants $(MUTANTS)

bench: $(READY)
	@exec $(PY) -m local.bench $(BENCH)

screenshots: $(READY)
	@exec $(PY) -m tests.browser.screenshots

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
