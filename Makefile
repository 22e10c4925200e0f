PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OPENJD := .venv-openjd
PARALLEL := -n 3 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint format bench clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.ready $(OPENJD)/.ready  ## Install the project, and the released OpenJD tool beside it

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(OPENJD)/.ready: constraints-openjd.txt
	$(PYTHON) -m venv $(OPENJD)
	$(OPENJD)/bin/python -m pip install --quiet --disable-pip-version-check -r constraints-openjd.txt
	touch $@

demo: $(VENV)/.ready  ## Run the sample presets on the sample garment, end to end
	$(BIN)/openjd-vs demo

test: setup  ## Run the tests (under 5 minutes on 2 cores)
	$(BIN)/python -m pytest -m 'not slow' $(PARALLEL)

test-slow: setup  ## Run the longer tests too
	$(BIN)/python -m pytest -m slow $(PARALLEL)

lint: $(VENV)/.ready  ## Check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.ready  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## Run the benchmarks
	for b in benchmarks/bench_*.py; do $(BIN)/python $$b || exit 1; done

clean:  ## Remove what make made
	rm -rf $(VENV) $(OPENJD) demo .pytest_cache .mypy_cache .ruff_cache
