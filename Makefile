PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
FUZZ := .venv-fuzz
ROOMS := domain application workflows activities adapters api cli bootstrap.py terminal.py worker.py migrations tests benchmarks examples docs

.DEFAULT_GOAL := help

##@ Use
.PHONY: demo
demo: $(VENV)/.embedded ## run the main job to its end on real input: two rollouts, one expiry, one close
	@$(BIN)/changegate demo

.PHONY: up
up: $(VENV)/.embedded ## start everything and stay; Ctrl-C stops every child, data stays in .changegate/
	@$(BIN)/changegate up $(ARGS)

##@ Prove
.PHONY: test
test: $(VENV)/.dev ## run every test, module by module on up to four cores (ARGS="tests/unit -q" runs a part)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## format, lint, types, import directions, file lengths, architecture tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(ROOMS)
	@cd clients/python && ../../$(BIN)/mypy src tests
	@cd clients/outbox && ../../$(BIN)/mypy src tests
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/architecture

.PHONY: bench
bench: $(BENCH)/.bench ## measure what we claim, beside peers and floors, in an environment of its own
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

.PHONY: fuzz
fuzz: $(FUZZ)/.fuzz ## grow flag definitions that break the evaluator, for ten minutes (minutes=60 for an hour)
	@$(FUZZ)/bin/python -m tests.fuzz.definitions -max_total_time=$$((60 * $(or $(minutes),10))) -timeout=10 \
	  -rss_limit_mb=1024 -max_len=1024 -len_control=0 -artifact_prefix=$(FUZZ)/ -print_final_stats=1

.PHONY: requirements
requirements: $(VENV)/.dev ## print the requirement ids with the tests that prove each
	@$(BIN)/python -m pytest -q -p tests.requirements_plugin --collect-only --requirements tests

##@ Keep
.PHONY: format
format: $(VENV)/.dev ## write the format that check asks for
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/.dev ## write docs/reference anew from the code
	@$(BIN)/python -m docs.generate

.PHONY: requirements-lock
requirements-lock: $(VENV)/.dev ## pin every dependency with hashes, without an index address
	@for name in app embedded dev bench fuzz; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make requirements-lock" requirements/$$name.in -o requirements/$$name.txt; done

.PHONY: clean
clean: ## remove the environments and caches; the data of the embedded servers stays in .changegate/
	@rm -rf $(VENV) $(BENCH) $(FUZZ) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

.PHONY: clean-data
clean-data: ## remove .changegate/ with all flags, votes and histories of the embedded servers
	@rm -rf .changegate

.PHONY: help
help: ## print this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp is newer than the pins it was made from. An interpreter that no longer starts, after an upgrade of the system
# or a move of this folder, makes its environment again.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Changegate needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(1)/bin/python -c 'import sys, pip; sys.exit(sys.prefix == sys.base_prefix)' >/dev/null 2>&1 || { \
	  rm -rf $(1); $(PYTHON) -m venv $(1) >/dev/null 2>&1 || { rm -rf $(1); \
	    echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }; }
	@echo "installing $< into $(1) ..."
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e clients/outbox
	@touch $@
endef

ALIVE := $(shell $(BIN)/python -c '' 2>/dev/null || echo made-anew)

$(VENV)/.dev: requirements/dev.txt pyproject.toml clients/outbox/pyproject.toml $(ALIVE)
	$(call environment,$(VENV))
	@touch $(VENV)/.embedded

$(VENV)/.embedded: requirements/embedded.txt pyproject.toml clients/outbox/pyproject.toml $(ALIVE)
	$(call environment,$(VENV))

$(BENCH)/.bench: requirements/bench.txt pyproject.toml clients/outbox/pyproject.toml
	$(call environment,$(BENCH))

$(FUZZ)/.fuzz: requirements/fuzz.txt pyproject.toml clients/outbox/pyproject.toml
	$(call environment,$(FUZZ))

.PHONY: made-anew
made-anew:
