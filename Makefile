# Everything that is done to bolide, by name. `make help` lists it.
#
# Works from a clean clone with nothing but make and Python 3.11 or later. The environment is made
# in .venv once, and made again when what it is made from has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONSTRAINTS := --constraint constraints.txt

# pip hands this to the environments that packages are built in, too.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt

HOST ?= 127.0.0.1
PORT ?= 8000

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/demo.stamp ## Serve the lounge, the example application, on 127.0.0.1:8000
	@$(BIN)/python -m examples.lounge --host $(HOST) --port $(PORT)

.PHONY: test
test: lint types layers unit docs ## Check everything: what has to pass before a change lands

.PHONY: lint
lint: $(VENV)/dev.stamp ## Style and likely mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: $(VENV)/dev.stamp ## Types, by two checkers, and that the public API has them all
	$(BIN)/mypy
	$(BIN)/basedpyright --level error
	VIRTUAL_ENV='$(CURDIR)/$(VENV)' PATH="$(CURDIR)/$(BIN):$$PATH" basedpyright --verifytypes bolide --ignoreexternal > $(VENV)/verifytypes.txt || { cat $(VENV)/verifytypes.txt; exit 1; }

.PHONY: layers
layers: $(VENV)/dev.stamp ## That modules import only from layers below their own
	$(BIN)/lint-imports

.PHONY: unit
unit: $(VENV)/dev.stamp ## Tests on asyncio and trio, with what they cover
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage report --fail-under 95
	$(BIN)/python -m coverage report --fail-under 100 --include 'src/bolide/_http/*,src/bolide/_routing/*,src/bolide/_dispatch.py'

.PHONY: docs
docs: $(VENV)/dev.stamp ## Build the documentation; a warning is an error
	$(BIN)/python -m sphinx -n -W --keep-going -q -b html docs docs/_build/html

.PHONY: conformance
conformance: $(VENV)/dev.stamp ## Run other people's tests and applications on bolide
	$(BIN)/python -m conformance
	$(BIN)/python -m pytest -q tests/integration/test_fastapi.py tests/integration/test_mcp.py

.PHONY: soak
soak: $(VENV)/dev.stamp ## 200,000 requests and 1,000 WebSockets, some rude: memory stays flat
	$(BIN)/python -m reliability soak

.PHONY: fuzz
fuzz: $(VENV)/dev.stamp ## Bytes that nobody would write, to every parser
	$(BIN)/python -m reliability fuzz

.PHONY: stalls
stalls: $(VENV)/dev.stamp ## How long the event loop stands still under large bodies
	$(BIN)/python -m reliability stalls

.PHONY: screenshots
screenshots: $(VENV)/dev.stamp ## Renew the pictures of the documentation; needs Chromium
	SCREENSHOTS=docs/_static $(BIN)/python -m pytest -q tests/integration/test_lounge_browser.py tests/integration/test_debug_page_browser.py

.PHONY: format
format: $(VENV)/dev.stamp ## Put the sources into house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: matrix
matrix: ## Run the tests on every Python from 3.11 on that is here
	@for version in 3.11 3.12 3.13 3.14; do \
		if command -v python$$version >/dev/null && python$$version -c '' 2>/dev/null; then \
			echo "== Python $$version"; \
			$(MAKE) --no-print-directory PYTHON=python$$version VENV=.venv-$$version unit-only || exit 1; \
		else \
			echo "== Python $$version is not here"; \
		fi; \
	done

.PHONY: unit-only
unit-only: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q

.PHONY: bench
bench: ## Measure bolide and its peers; an hour, and environments of their own
	$(PYTHON) -m benchmarks

.PHONY: clean
clean: ## Remove what was made
	rm -rf .venv .venv-3.* .venv-conformance docs/_build build dist .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/python.stamp: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bolide needs Python 3.11 or later, and $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo.stamp: $(VENV)/python.stamp
	$(PIP) install $(CONSTRAINTS) --editable '.[full,server]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp requirements/dev.txt requirements/docs.txt
	$(PIP) install $(CONSTRAINTS) --requirement requirements/dev.txt --requirement requirements/docs.txt
	@touch $@
