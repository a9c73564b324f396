# Everything from a clone: `make run` installs and runs, `make test` installs and checks.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables

PYTHON ?= $(shell command -v python3.11 || command -v python3)
ARGS ?=
PORT ?= 3000
WORKERS ?= 2

VENV := .venv
DVC_VENV := .venv-dvc
READY := $(VENV)/.installed
DVC_READY := $(DVC_VENV)/.installed

# Stages that DVC starts, and DVC itself, are found without activating an environment.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# pip's hundreds of lines as one live line; what it says on stderr stays.
PIP_PROGRESS := awk '/^Collecting|^Processing/ {n++; printf "\r  %3d packages  %-60.60s", n, $$2; fflush()} \
	/^Installing collected/ {printf "\r  unpacking %d packages, a minute or two %-40s", n, ""; fflush()} \
	/^Successfully/ {printf "\n"}'

.PHONY: help run test ui repro lint format types imports pytest install lock clean distclean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install  ## Install, run the whole pipeline on the synthetic retailer, show its results (ARGS="--source hm --path DIR")
	@couturier run $(ARGS)

test: install lint types imports pytest  ## Install and run every check: lint, types, import contracts, tests

ui: install .dagster/dagster.yaml  ## Open Dagster on the graph (PORT=3000)
	@echo "Dagster: http://localhost:$(PORT)  (Ctrl-C stops it)"
	@DAGSTER_HOME=$(CURDIR)/.dagster dagster dev --port $(PORT)

repro: install  ## Let DVC run what changed since dvc.lock (ARGS="--force" for all)
	@dvc repro $(ARGS)

lint: $(READY)  ## ruff: lint and format
	@ruff check .
	@ruff format --check .

format: $(READY)  ## ruff: mend what can be mended
	@ruff check --fix .
	@ruff format .

types: $(READY)  ## mypy, strict
	@mypy

imports: $(READY)  ## Which room may import which
	@lint-imports

# One thread each: two workers on two cores, and the same sums in the same order everywhere.
pytest: install  ## The tests alone (ARGS="tests/sources -x")
	@OMP_NUM_THREADS=1 pytest -n $(WORKERS) --dist worksteal --durations 15 $(ARGS)

install: $(READY) $(DVC_READY) $(VENV)/bin/dvc  ## Make both environments

# Most modules of 160 packages are never imported: Python compiles those that are.
$(READY): pyproject.toml requirements.lock
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
		echo "Couturier needs Python 3.11; '$(PYTHON)' is not. Cure: install it, or make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing Couturier into $(VENV) (some 160 packages, PyTorch among them)"
	@PYTHONWARNINGS=ignore $(VENV)/bin/python -m pip install --no-compile --progress-bar off --constraint requirements.lock --editable '.[dev]' | $(PIP_PROGRESS)
	@touch $@

# DVC needs antlr4-python3-runtime 4.9, Dagster's --select needs 4.13: two environments.
$(DVC_READY): requirements-dvc.lock
	@test -x $(DVC_VENV)/bin/python || "$(PYTHON)" -m venv $(DVC_VENV)
	@echo "Installing DVC into $(DVC_VENV)"
	@$(DVC_VENV)/bin/python -m pip install --no-compile --progress-bar off --constraint requirements-dvc.lock dvc | $(PIP_PROGRESS)
	@touch $@

# Activating .venv then gives both commands.
$(VENV)/bin/dvc: | $(READY) $(DVC_READY)
	@ln -sfn ../../$(DVC_VENV)/bin/dvc $@

.dagster/dagster.yaml: orchestration/dagster.yaml
	@mkdir -p .dagster
	@cp $< $@

dvc.yaml: rec_assets/pipeline.py rec_assets/versioning.py | $(READY)  ## Write dvc.yaml from the graph
	@python -c 'from rec_assets.versioning import render_dvc_yaml; print(render_dvc_yaml(), end="")' > $@.part
	@mv $@.part $@

# The comments at the top of a lock say why a pin is not the newest release: they stay.
lock: install  ## Write both locks from what is installed
	@for pair in requirements.lock:$(VENV) requirements-dvc.lock:$(DVC_VENV); do \
		lock=$${pair%%:*}; \
		{ grep '^#' $$lock || true; $${pair#*:}/bin/python -m pip freeze --exclude-editable | sed -E 's/\+cpu$$//'; } > $$lock.part; \
		mv $$lock.part $$lock; \
	done
	@touch $(READY) $(DVC_READY)

clean:  ## Remove what the pipeline and the checks made; keep the source files, the model registry and the environments
	@find data -mindepth 1 -maxdepth 1 ! -name incoming ! -name registry -exec rm -rf {} +
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist great_expectations/uncommitted
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean  ## Also remove the environments, DVC's cache and Dagster's history
	@rm -rf $(VENV) $(DVC_VENV) .venv-peers .dagster .dvc/cache .dvc/tmp *.egg-info
