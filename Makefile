# callbridge: everything that a developer or a newcomer types.
# All targets begin with `setup`, which is quick when there is nothing to do.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Without compiled files every test process would compile callbridge and rewrite the tests' asserts again, and every started
# callbridge would compile itself: an environment that forbids them (many containers do) is overruled here.
export PYTHONDONTWRITEBYTECODE :=
# Modules without a fast test, and a plugin that only one of them uses: reading them takes longer than many a folder's tests.
# tests/docs/test_makefile.py keeps the list true.
NOT_FAST := --ignore=tests/live --ignore=tests/lab --ignore=tests/adapters/test_http_schema.py -p no:schemathesis
# The fast tests run in two processes that know nothing of each other. Under pytest-xdist each would read all modules, and what the
# processes report to each other took 3 ms for each of thousands of tests.
FAST := $(BIN)/python -m pytest -q -m "not live and not slow" --hypothesis-profile few -p no:xdist -p no:rerunfailures -p no:anyio
ONE_HALF := tests/adapters tests/docs tests/guide tests/settings tests/wire
OTHER_HALF := tests $(ONE_HALF:%=--ignore=%)

.PHONY: help setup demo check lint fast fast-one-half fast-other-half test bench chaos clean

help:
	@echo "make demo    a minute of live calls on a real Asterisk, added up call by call"
	@echo "make check   lint, types and fast tests (make lint and make fast, side by side)"
	@echo "make test    everything, the real Asterisk 22 and 16 included"
	@echo "make bench   all benchmarks but chaos"
	@echo "make chaos   rounds of faults, every call joined (a quarter of an hour)"
	@echo "make setup   virtual environment, Debian packages and the lab's PBXs (needs root)"
	@echo "make clean   away with what setup made"

setup: $(INSTALLED)
	@$(BIN)/python -m tests.lab.build

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "callbridge needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || (apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install python3-venv)
	@echo "setup: Python packages"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/python -m tests.lab.demo

# Side by side: mypy's first run takes half a minute of one core.
check: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs 3 --output-sync lint fast-one-half fast-other-half

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync fast-one-half fast-other-half

fast-one-half: $(INSTALLED)
	$(FAST) $(NOT_FAST) $(ONE_HALF)

fast-other-half: $(INSTALLED)
	$(FAST) $(NOT_FAST) $(OTHER_HALF)

test: setup check
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder -m "live or slow or hypothesis" --durations 15 --reruns 1 -rR

bench: setup
	@for name in core handover publish throughput pacing; do $(BIN)/python -m tests.bench $$name || exit 1; done

chaos: setup
	@$(BIN)/python -m tests.bench chaos

clean:
	rm -rf .venv .lab build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
