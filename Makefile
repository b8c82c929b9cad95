# Everything happens in .venv and .tools: nothing is installed outside this folder.
# A machine with Python 3.11 or 3.12 and make is enough.

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do $$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV_VERSION := 0.13.8
# Copying works across file systems; hard links only where the cache lies on the same one.
export UV_LINK_MODE ?= copy

# Real data for the demo: a folder with transactions.csv and users.csv. For the tests: one with recommender/, income/, penguins/.
DATA ?=
export MLTRAIN_DATA ?= $(abspath $(wildcard ../shared/data))
DEMO_PARAMETERS = $(if $(DATA),-p data_dir "$(DATA)",)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint typecheck format lab lock bench clean

help: ## show this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.complete ## make the environment in .venv from the lock file

.tools/uv-$(UV_VERSION)/bin/uv:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(SUPPORTED)' || \
	  { echo "Python 3.11 or 3.12 is needed. Say where it is: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .tools/uv-$(UV_VERSION) || \
	  { echo "Python's venv module is missing. On Debian: apt-get install python3-venv"; exit 1; }
	@.tools/uv-$(UV_VERSION)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/.complete: requirements/lock.txt pyproject.toml package.json .tools/uv-$(UV_VERSION)/bin/uv
	@echo "Setting up .venv (TensorFlow, PyTorch, JupyterLab ...: about 8 GB; a minute with a warm cache)"
	@test -x $(BIN)/python || .tools/uv-$(UV_VERSION)/bin/uv venv --quiet --python $(PYTHON) .venv
	@.tools/uv-$(UV_VERSION)/bin/uv pip sync --quiet --python $(BIN)/python requirements/lock.txt
	@.tools/uv-$(UV_VERSION)/bin/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# The demo needs TensorFlow only: the same locked versions, a quarter of the download.
.venv/.demo: requirements/lock.txt pyproject.toml package.json .tools/uv-$(UV_VERSION)/bin/uv
	@test -e .venv/.complete || echo "Setting up .venv for the demo (TensorFlow: about 2 GB)"
	@test -x $(BIN)/python || .tools/uv-$(UV_VERSION)/bin/uv venv --quiet --python $(PYTHON) .venv
	@test -e .venv/.complete || .tools/uv-$(UV_VERSION)/bin/uv pip install --quiet --python $(BIN)/python \
	  --constraint requirements/lock.txt --editable '.[tensorflow]'
	@touch $@

demo: .venv/.demo ## run the recommender notebook as a TFJob on this machine (DATA=folder for real data)
	@$(BIN)/mltrain submit notebooks/recommender.ipynb --framework tensorflow $(DEMO_PARAMETERS) --follow

test: setup lint typecheck ## run all tests
	@$(BIN)/python -m pytest

test-fast: setup ## run the tests that take less than a few seconds each
	@$(BIN)/python -m pytest -m "not slow"

lint: setup ## ruff and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache

typecheck: setup ## mypy, strict
	@$(BIN)/mypy

format: setup ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lab: setup ## start JupyterLab with the project, on the sample notebooks
	@$(BIN)/jupyter lab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

lock: .tools/uv-$(UV_VERSION)/bin/uv ## resolve the dependencies anew
	@.tools/uv-$(UV_VERSION)/bin/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --upgrade --output-file requirements/lock.txt

# What the benchmarks measure against; no part of the project.
.tools/peers/.complete: .tools/uv-$(UV_VERSION)/bin/uv
	@.tools/uv-$(UV_VERSION)/bin/uv venv --quiet --clear --python $(PYTHON) .tools/peers
	@.tools/uv-$(UV_VERSION)/bin/uv pip install --quiet --python .tools/peers/bin/python kubeflow==0.5.0
	@touch $@

bench: setup .tools/peers/.complete ## run the benchmarks (minutes); the figures go to standard output
	@for f in benchmarks/bench_*.py; do \
	  echo; TF_CPP_MIN_LOG_LEVEL=3 KUBEFLOW_PYTHON=$(CURDIR)/.tools/peers/bin/python $(BIN)/python $$f || exit 1; \
	done

clean: ## remove the environment and all caches
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis
