PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := domain application workflows activities adapters api cli bootstrap.py worker.py migrations tests benchmarks examples

.DEFAULT_GOAL := help

##@ Use
.PHONY: demo
demo: $(VENV)/.embedded ## run the main job to its end on real input: two rollouts and one expiry
	@$(BIN)/changegate demo

.PHONY: up
up: $(VENV)/.embedded ## start everything and stay; Ctrl-C stops every child, data stays in .changegate/
	@$(BIN)/changegate up

##@ Prove
.PHONY: test
test: $(VENV)/.dev ## run every test
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## format, lint, types, import directions, file lengths, architecture tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(ROOMS)
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/architecture

.PHONY: bench
bench: $(VENV)/.bench ## measure what we claim, beside peers and floors
	@$(BIN)/python -m benchmarks

.PHONY: requirements
requirements: $(VENV)/.dev ## print the requirement ids with the tests that prove each
	@$(BIN)/python -m pytest -q --collect-only --requirements tests

##@ Keep
.PHONY: format
format: $(VENV)/.dev ## write the format that check asks for
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

.PHONY: requirements-lock
requirements-lock: $(VENV)/.dev ## pin every dependency with hashes, without an index address
	@for name in app embedded dev bench; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make requirements-lock" requirements/$$name.in -o requirements/$$name.txt; done

.PHONY: clean
clean: ## remove the environment and the data of the embedded servers
	@rm -rf $(VENV) .changegate .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help
help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Changegate needs Python 3.11 or newer; set PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing requirements/$*.txt into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
