# causalops: `make run` and `make test` do their own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
export CAUSALOPS_DB ?= $(CURDIR)/build/causalops.duckdb
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
# Trust the machine's certificates, as pip does.
export UV_SYSTEM_CERTS ?= true
# Without its cache of compiled modules Python compiles dbt and the libraries again in every run.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

# dbt runs models in parallel: more threads of linear algebra would only wait for each other.
DBT = OPENBLAS_NUM_THREADS=1 $(abspath $(BIN))/dbt --no-use-colors
DEMO = --project-dir demo --profiles-dir demo
CAUSALOPS = $(BIN)/causalops

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is the last line: a set-up that was interrupted is done again.
.venv/.ready: requirements.lock pyproject.toml
	rm -f $@
	test -x build/uv/bin/uv || { rm -rf build/uv; $(PYTHON) -m venv build/uv; build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv; }
	build/uv/bin/uv venv --quiet --clear --python build/uv/bin/python .venv
	build/uv/bin/uv pip sync --quiet --python $(BIN)/python requirements.lock
	build/uv/bin/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

setup: .venv/.ready

demo/dbt_packages/causalops:
	mkdir -p $(@D) && ln -sfn ../.. $@

build-demo: .venv/.ready demo/dbt_packages/causalops
	mkdir -p $(dir $(CAUSALOPS_DB))
	$(CAUSALOPS) check --project-dir demo
	$(DBT) build $(DEMO)

run: build-demo ## Check, build and publish the demo, and show its scorecard
	$(CAUSALOPS) publish --project-dir demo
	$(CAUSALOPS) show --project-dir demo
	@echo "To start your own, copy demo/models/experiments/checkout_cta.sql (docs/how-to/own-data.md)."

check: .venv/.ready ## Check the demo's experiment files
	$(CAUSALOPS) check --project-dir demo

lint: .venv/.ready ## Style and types
	$(BIN)/ruff check src tests python_models benchmarks
	$(BIN)/mypy

test: lint ## Lint, then every test at its default size
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

calibrate: .venv/.ready ## Simulations at full size (R = 20,000)
	$(BIN)/pytest -n 2 tests/calibration -m full

bench: .venv/.ready ## What the statistics cost, beside a peer in the same run
	$(BIN)/python benchmarks/statistics_step.py
	$(BIN)/python benchmarks/did_panel.py $(if $(PEER),--peer $(PEER)) # PEER: a python that has pyfixest
	$(BIN)/python benchmarks/two_stage_least_squares.py

bench-s: ## What whole runs cost, into benchmarks/RESULTS.md
bench-m: ## The same on five times the rows
bench-s bench-m: .venv/.ready
	$(BIN)/python benchmarks/run.py --scale $(if $(filter bench-m,$@),M,S)

docs: build-demo ## dbt's documentation of the demo, in demo/target
	$(DBT) docs generate $(DEMO) --static

lock: .venv/.ready ## Resolve requirements.lock again
	build/uv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --group dev pyproject.toml --constraint constraints.txt --output-file requirements.lock

clean: ## Remove everything that was built
	rm -rf build dist .venv demo/target demo/logs demo/dbt_packages .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup build-demo run check lint test calibrate bench bench-s bench-m docs lock clean
