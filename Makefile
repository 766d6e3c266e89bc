# callbridge: everything that a developer or a newcomer types.
# All targets begin with `setup`, which is quick when there is nothing to do.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
WEB := callbridge/web
SCREENS := $(WEB)/dist/index.html
# Without compiled files every test process would compile callbridge and rewrite the tests' asserts again, and every started
# callbridge would compile itself: an environment that forbids them (many containers do) is overruled here.
export PYTHONDONTWRITEBYTECODE :=
# Modules without a fast test, and a plugin that only one of them uses: reading them takes longer than many a folder's tests.
# tests/docs/test_makefile.py keeps the list true.
NOT_FAST := --ignore=tests/live --ignore=tests/lab --ignore=tests/browser --ignore=tests/adapters/test_http_schema.py \
	--ignore=tests/adapters/test_oidc.py -p no:schemathesis
# The fast tests are collected once and run by a few forked processes (tests/forks.py), more than there are cores, for many tests
# wait for a Redis, a socket or a clock. Not nice: what waits is judged by when it goes on.
FAST := $(BIN)/python -m pytest -q -m "not live and not slow" --hypothesis-profile few -p tests.forks --forks 7 \
	-p no:xdist -p no:rerunfailures -p no:anyio -p no:cacheprovider

# So many labs at a time; some tests have two, and of the largest nine fit on a machine (tests/lab/ports.py).
LABS ?= 6

.PHONY: help setup screens demo demo-live check lint fast units test live slow slow_beside hour bench chaos fuzz lock sbom clean

help:
	@echo "make demo    a minute of live calls on a real Asterisk, added up call by call"
	@echo "make demo-live  a floor with callers and agents, to be looked at in a browser, until Ctrl-C"
	@echo "make check   lint, types and fast tests (make lint and make fast, side by side)"
	@echo "make test    everything, the real Asterisk 22 and 16 included"
	@echo "make hour    a compressed hour of 400 calls, with two kills, on 22 and 16: every view equals the wire (eight minutes)"
	@echo "make bench   all benchmarks but chaos and history"
	@echo "make chaos   rounds of faults with a leader and a standby, every call joined (eight minutes)"
	@echo "make fuzz    coverage-guided inputs for every parser, MINUTES=1 for each"
	@echo "make setup   virtual environment, Debian packages, the lab's PBXs and the screens (needs root)"
	@echo "make screens the pages for the browser only: callbridge/web/dist (needs node and npm)"
	@echo "make lock    pin what an installation gets, with hashes: deploy/requirements.txt"
	@echo "make sbom    a bill of materials of it: build/sbom.json"
	@echo "make clean   away with what setup made"

setup: $(INSTALLED)
	@$(BIN)/python -m tests.lab.build
	@$(MAKE) --no-print-directory screens

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "callbridge needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || (apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install python3-venv)
	@echo "setup: Python packages"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

screens: $(SCREENS)

# npm's own list of what it installed is the stamp.
$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@echo "setup: packages of the screens"
	@cd $(WEB) && npm ci --ignore-scripts --no-progress --loglevel=error && touch node_modules/.package-lock.json

$(SCREENS): $(WEB)/node_modules/.package-lock.json $(WEB)/build.mjs $(shell find $(WEB)/src)
	@echo "setup: screens"
	@cd $(WEB) && node build.mjs

demo: setup
	@$(BIN)/python -m tests.lab.demo

# exec: Ctrl-C ends the floor in order, not the shell before it.
demo-live: setup
	@exec $(BIN)/python -m tests.lab.demo_live

# Side by side: mypy's first run takes half a minute of one core.
check: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint fast

lint: $(INSTALLED)
	$(BIN)/mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.audit

fast: $(INSTALLED) units
	$(FAST) $(NOT_FAST)

# Of the screens; half a second. They need no npm package.
units:
	@if command -v node >/dev/null; then node --test tests/browser/units/*.test.mjs; else echo "units: no node here: run make setup"; fi

# The live tests mostly wait, the slow ones calculate: these take only what those leave over, or calls would time out.
test: setup check
	@$(MAKE) --no-print-directory --keep-going --jobs 2 live slow_beside

live: setup
	$(BIN)/python -m pytest -m "live and not whole_hour" -p tests.forks --forks $(LABS) -p no:xdist -p no:cacheprovider --durations 40 --reruns 1 -rR

# With 90 calls it is among the live tests; beside four other labs 400 would tell what a crowded machine does.
hour: setup
	$(BIN)/python -m pytest -m whole_hour

slow: $(INSTALLED)
	$(BIN)/python -m pytest -q -m "(slow or hypothesis) and not live" -p tests.forks --forks 2 -p no:xdist -p no:cacheprovider \
		--ignore=tests/live --ignore=tests/lab --ignore=tests/browser --durations 15 --reruns 1 -rR

# Printed at the end, for the live tests say meanwhile how far they are.
slow_beside: $(INSTALLED)
	@mkdir -p build
	@chrt --idle 0 $(MAKE) --no-print-directory slow > build/slow.log 2>&1; status=$$?; cat build/slow.log; exit $$status

bench: setup
	@for name in core handover publish throughput pacing; do $(BIN)/python -m tests.bench $$name || exit 1; done

chaos: setup
	@$(BIN)/python -m tests.bench chaos

$(INSTALLED).fuzz: $(INSTALLED)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $@

# Minutes for each parser; TARGETS="skills flows" for some of them.
MINUTES ?= 1
fuzz: $(INSTALLED).fuzz
	$(BIN)/python -m tests.fuzz $(TARGETS) --minutes $(MINUTES)

$(INSTALLED).supply: $(INSTALLED)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[supply]'
	@touch $@

lock: $(INSTALLED).supply
	$(BIN)/uv pip compile pyproject.toml --extra postgresql --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-header --quiet --output-file deploy/requirements.txt

sbom: $(INSTALLED).supply
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o build/sbom.json deploy/requirements.txt

clean:
	rm -rf .venv .lab build $(WEB)/dist $(WEB)/node_modules *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
