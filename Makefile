# pynat's verbs; `make help` lists them.
#
# PYTHON=...  the Python that .venv is made of: 3.11 or later with a shared libpython
# CI=true     a skipped test is a failure
# MUTANTS=... arguments of scripts/mutants.py: --seed 2, or pynat/nat/udp.py:120

VENV := .venv
BIN := $(VENV)/bin
PLUGIN := pynat/plugin/libbx_eth_pynat.so
PLUGIN_SOURCES := $(wildcard setup.py bochs_shim/*.cc bochs_shim/*.h bochs_shim/*.py pynat/*.c)
PYTEST := $(BIN)/python -m pytest -q

ifeq ($(CI),true)
PYTEST := PYTHONPATH=scripts $(PYTEST) -p no_skips
endif

.PHONY: help build packages check test test-fast mutants demo bench clean

help:  ## say what there is to make
	@echo "make ..."
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: $(PLUGIN)  ## Debian packages, .venv and the plugin

check: build  ## ruff and mypy
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary

test: check  ## check, then all tests
	@$(PYTEST)

test-fast: build  ## the tests that boot no guest
	@$(PYTEST) -m 'not boots'

mutants: build  ## change the code in 200 places, one by one, and see which tests notice
	@$(BIN)/python scripts/mutants.py $(MUTANTS)

demo: build  ## boot a guest in Bochs and show its network at work
	@$(BIN)/pynat demo

bench: build  ## the benchmarks
	@$(BIN)/python benchmarks/run.py
	@$(BIN)/python benchmarks/tap.py --profile

clean:  ## remove all that was made here, .venv too
	rm -rf $(VENV) build dist *.egg-info $(PLUGIN) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

packages:
	@scripts/install-debian-packages

# .made holds the path for which .venv was made: programs in it do not work at another one.
ifneq ($(shell cat $(VENV)/.made 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.made
endif

$(VENV)/.made: | packages
	@python=$$(scripts/choose-python "$(PYTHON)" python3 /usr/bin/python3) && \
	    echo "Making $(VENV) with $$python" && $$python -m venv --clear $(VENV)
	@echo "$(CURDIR)" >$@

# The plugin is linked with the libpython of .venv, so a new .venv builds it again.
$(PLUGIN): $(VENV)/.made pyproject.toml $(PLUGIN_SOURCES) | packages
	@echo "Installing pynat and its tools in $(VENV), building the plugin"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@
