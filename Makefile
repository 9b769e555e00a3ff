# One word per daily task; each sets up what it needs. `make help` lists them.

VENV ?= .venv
PYTHON ?=
WORKERS ?= 2
TESTS ?= tests

PACKAGES := collector exporters config simulator
CHECKED := $(PACKAGES) $(wildcard tests bench)
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-python check pytest wheel bench format lock servers environment clean

help: ## List the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(READY) ## A simulated provider with the daemon on it
	$(BIN)/northmeter demo

test: servers check pytest wheel ## All that a change must pass; what CI runs

# `make test` with another interpreter, in an environment of its own: make test-python PYTHON=python3.13
test-python: ## The same with PYTHON=python3.13, in an environment of its own
	@test -n "$(PYTHON)" || { echo "northmeter: say which one: make test-python PYTHON=python3.13" >&2; exit 1; }
	$(MAKE) test PYTHON=$(PYTHON) VENV=.venv-$(notdir $(PYTHON))

check: $(READY) ## Format, lint, types, imports
	$(BIN)/python -m ruff format --check --quiet $(CHECKED)
	$(BIN)/python -m ruff check --quiet $(CHECKED)
	$(BIN)/python -m mypy $(CHECKED)
	$(BIN)/lint-imports --no-cache

pytest: $(READY) servers ## The tests; TESTS=tests/unit runs some of them
	NORTHMETER_TEST_PROFILE=$${NORTHMETER_TEST_PROFILE:-ci} $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup $(TESTS)

wheel: $(READY) servers ## Build the wheel and test it, installed in a clean environment
	WORKERS=$(WORKERS) tools/wheel.sh $(VENV)

bench: $(READY) servers ## Measure, with the floor beside each figure
	$(BIN)/python -m bench

format: $(READY) ## Format, and mend what the linter can mend
	$(BIN)/python -m ruff format $(CHECKED)
	$(BIN)/python -m ruff check --fix $(CHECKED)

# Universal: one file holds for every Python that we support. Versions stay unless UPGRADE=1.
LOCK := UV_CACHE_DIR=.make/uv $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header $(if $(UPGRADE),--upgrade) pyproject.toml

lock: $(READY) ## Write the lock files anew from pyproject.toml; UPGRADE=1 takes newer versions
	$(LOCK) --extra parquet --group dev -o requirements-dev.lock
	$(LOCK) --constraint requirements-dev.lock --extra parquet --group test -o requirements-test.lock
	$(LOCK) --constraint requirements-dev.lock -o requirements.lock

servers: ## Install the servers that the tests talk to (Debian, as root), or say what is lacking
	@tools/servers.sh

environment: $(READY) ## Only the virtual environment

$(READY): requirements-dev.lock pyproject.toml tools/environment.sh
	@tools/environment.sh $(VENV) requirements-dev.lock $(PYTHON)
	@touch $@

clean: ## Remove the environments and all caches
	rm -rf .venv .venv-* .make .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
