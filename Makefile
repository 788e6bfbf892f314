# Every target sets up what it needs from a bare python3 (3.11 or newer), git and make.
# Versions are locked in uv.lock; requirements/ is exported from it, so that plain pip can install.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
PIP_INSTALL := $(PY) -m pip install -qq --disable-pip-version-check --no-input --no-deps
INSTALLED := $(VENV)/.installed
# Not `npm ci`: it refuses a lock that was made where other platforms' optional packages are not offered.
NPM_INSTALL := npm install --no-save --no-audit --no-fund --loglevel=error
PAGE := src/assay/server/page/index.html
PAGE_SOURCES := $(shell find ui -type f -not -path '*/node_modules/*' -not -name '*.md')
PYTEST := $(PY) -m pytest
TRAINERS_VENV := .venv-trainers
TRAINERS_PY := $(TRAINERS_VENV)/bin/python
TRAINERS_INSTALLED := $(TRAINERS_VENV)/.installed
OLD_MLFLOW_VENV := .venv-old-mlflow
OLD_MLFLOW_PY := $(OLD_MLFLOW_VENV)/bin/python
OLD_MLFLOW_INSTALLED := $(OLD_MLFLOW_VENV)/.installed
OLD_WANDB_VENVS := .venv-old-wandb
OLD_WANDB := 0.16.6 0.18.7 0.21.4 0.25.1
OLD_WANDB_INSTALLED := $(OLD_WANDB:%=$(OLD_WANDB_VENVS)/%/.installed)
PYTEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=

.PHONY: help install demo test test-slow test-pg test-trainers test-old-client test-old-wandb check lint format bench lock bench-scale bench-ui screenshots

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

install: $(INSTALLED) $(PAGE) ## make a ready .venv with the locked dependencies and the built page
	@:

demo: install ## run the main job on real input: track, compare, gate, promote, roll back, prove
	@$(VENV)/bin/assay demo $(DEMO_ARGS)

test: install ## run every test that needs no torch (the slow ones: test-slow)
	@tools/install-chromium
	@$(PYTEST) -n auto --dist loadfile $(PYTEST_ARGS)

test-slow: install ## run the tests that take minutes, crash tests among them
	@tools/install-chromium
	@$(PYTEST) -m slow $(PYTEST_ARGS)

test-pg: install ## run the tests that need PostgreSQL (a wheel brings it)
	@$(PYTEST) -k postgresql $(PYTEST_ARGS)

test-trainers: install $(TRAINERS_INSTALLED) ## run real trainers against a server (brings torch; minutes)
	@ASSAY_PYTHON=$(abspath $(PY)) $(TRAINERS_PY) -m pytest -c tests/trainers/pytest.toml \
	  tests/trainers $(PYTEST_ARGS)

test-old-client: install $(OLD_MLFLOW_INSTALLED) ## run the MLflow conformance tests with a client a year older
	@PYTHONPATH=src ASSAY_PYTHON=$(abspath $(PY)) $(OLD_MLFLOW_PY) -m pytest -W ignore tests/conformance/mlflow $(PYTEST_ARGS)

test-old-wandb: install $(OLD_WANDB_INSTALLED) ## run what the wandb client writes and reads with four older releases
	@ASSAY_WANDB_PYTHONS=$(subst $() ,:,$(OLD_WANDB:%=$(abspath $(OLD_WANDB_VENVS))/%/bin/python)) \
	  $(PYTEST) tests/conformance/wandb -k other_releases $(PYTEST_ARGS)

check: lint ## check format, lint, types and layers, and run the fast tests; under a minute
	@$(PYTEST) -q tests/domain tests/repo

lint: install ## check format, lint, types and layers
	@$(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: install ## format the code and apply the fixes that are safe
	@$(VENV)/bin/ruff format
	@$(VENV)/bin/ruff check --fix

bench: install ## measure speed, as ratios against peers in the same run
	@$(PY) -m bench $(BENCH_ARGS)

bench-scale: install ## measure how cost grows with runs, keys and points; about ten minutes
	@$(PY) -m bench.scale $(BENCH_ARGS)

bench-ui: install ## measure the page in a browser: first paint, frames a second, memory, size
	@tools/install-chromium
	@ASSAY_PYTHON=$(abspath $(PY)) node ui/bench.mjs

screenshots: install ## make the pictures in the documents anew, from the demo's data
	@tools/install-chromium
	@ASSAY_PYTHON=$(abspath $(PY)) node ui/screenshots.mjs

lock: install ## renew uv.lock and requirements/ after a change of dependencies in pyproject.toml
	@$(VENV)/bin/uv lock
	@$(VENV)/bin/uv export --quiet --frozen --no-hashes --no-annotate --no-header \
	  --no-emit-project --all-extras --all-groups --output-file requirements/dev.txt

$(PY):
	@tools/create-venv $(VENV)

$(INSTALLED): requirements/dev.txt pyproject.toml tools/create-venv | $(PY)
	@echo "Installing the locked dependencies into $(VENV) (the first time takes a minute or two)"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

# The page is built by Node here and needs none where Assay runs; without Node the server says so at /.
$(PAGE): $(PAGE_SOURCES)
	@if command -v npm >/dev/null; then \
	  echo "Building the page (the first time takes a minute)"; \
	  cd ui && { $(NPM_INSTALL) || $(NPM_INSTALL); } >/dev/null && \
	  { npm run --silent build >build.log 2>&1 || { cat build.log; false; }; } && touch ../$@; \
	else \
	  echo "npm is not installed: the server will run without its page"; \
	fi

$(TRAINERS_PY):
	@tools/create-venv $(TRAINERS_VENV)

# torch first and alone: whatever build of this version the index offers is then the one that stays.
$(TRAINERS_INSTALLED): requirements/trainers.txt tools/create-venv | $(TRAINERS_PY)
	@echo "Installing torch and the trainers into $(TRAINERS_VENV) (takes minutes)"
	@$(TRAINERS_PY) -m pip install -qq --disable-pip-version-check --no-input \
	  "$$(grep '^torch==' requirements/trainers.txt)"
	@$(TRAINERS_PY) -m pip install -qq --disable-pip-version-check --no-input \
	  -r requirements/trainers.txt
	@touch $@

$(OLD_MLFLOW_PY):
	@tools/create-venv $(OLD_MLFLOW_VENV)

$(OLD_MLFLOW_INSTALLED): requirements/old-mlflow.txt tools/create-venv | $(OLD_MLFLOW_PY)
	@echo "Installing the older MLflow client into $(OLD_MLFLOW_VENV)"
	@$(OLD_MLFLOW_PY) -m pip install -qq --disable-pip-version-check --no-input --no-deps \
	  -r requirements/old-mlflow.txt
	@touch $@

$(OLD_WANDB_VENVS)/%/.installed: requirements/old-wandb/%.txt tools/create-venv
	@echo "Installing wandb $* into $(OLD_WANDB_VENVS)/$*"
	@mkdir -p $(OLD_WANDB_VENVS)
	@tools/create-venv $(OLD_WANDB_VENVS)/$*
	@$(OLD_WANDB_VENVS)/$*/bin/python -m pip install -qq --disable-pip-version-check --no-input --no-deps \
	  -r requirements/old-wandb/$*.txt
	@touch $@
