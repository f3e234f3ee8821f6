# pynat's verbs; `make help` lists them.
#
# PYTHON=...  the Python that .venv is made of: 3.11 or later with a shared libpython
# CI=true     a skipped test is a failure
# FUZZ=...    how many seconds, and the first seed: FUZZ="600 7"
# BENCH=...   arguments of benchmarks: --only turn, or --publish (docs/benchmarks.md)
# PROFILE=... arguments of benchmarks.profile (docs/performance.md)
# MUTANTS=... arguments of scripts/mutants.py: --seed 2, or pynat/nat/udp.py:120

VENV := .venv
BIN := $(VENV)/bin
PLUGIN := pynat/plugin/libbx_eth_pynat.so
PLUGIN_SOURCES := $(wildcard setup.py bochs_shim/*.cc bochs_shim/*.h bochs_shim/*.py pynat/*.c)
TOOLS := $(VENV)/.tools
C_FILES := $(shell find bochs_shim examples pynat tests -name '*.cc' -o -name '*.[ch]')
TIDIED := $(patsubst %,build/tidy/%,$(wildcard bochs_shim/*.cc pynat/*.c))
WITH_LOOPS := $(addprefix tests/,nat wire router engine host link replay)
PIP := $(BIN)/python -m pip install --disable-pip-version-check
# One of them waits for guests most of the time.
WORKERS := $(shell expr $$(nproc) + 1)
PYTEST := scripts/as-own-root $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

ifeq ($(CI),true)
PYTEST := PYTHONPATH=scripts $(PYTEST) -p no_skips
endif

.PHONY: help build check check-python check-c test test-fast test-mistakes fuzz mutants demo bench
.PHONY: counts profile docs dist clean distclean packages
.PHONY: demo-packages test-packages bench-packages

help:  ## say what there is to make
	@echo "make ..."
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: $(PLUGIN)  ## what running a guest needs: Debian packages, .venv and the plugin
	@echo "pynat is built; run it as $(BIN)/pynat"

check: check-python check-c  ## ruff and mypy; clang-format, and clang-tidy for what changed

check-python: $(TOOLS)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary

check-c: $(TOOLS)
	@$(BIN)/clang-format --dry-run --Werror $(C_FILES)
	@$(MAKE) --quiet --jobs=$$(nproc) $(TIDIED)

test: test-packages check  ## check, then all tests
	@$(BIN)/python -m tests.preparing
	@$(PYTEST)
	@PYNAT_PURE=1 $(PYTEST) $(WITH_LOOPS)

test-fast: test-packages $(TOOLS)  ## the tests that boot no guest
	@$(BIN)/python -m tests.preparing lwip gvisor packaging
	@$(PYTEST) -m 'not boots'

fuzz: test-packages $(TOOLS)  ## the tests that draw from a seed, with seeds of the moment, for FUZZ=300 s
	@scripts/fuzz $(FUZZ) -- env $(PYTEST)

test-mistakes: test-packages $(TOOLS)  ## boot examples/kernel with each of its 70 mistakes, which the linter must name
	@$(PYTEST) -m mistakes

mutants: $(TOOLS)  ## change the code in 200 places, one by one, and see which tests notice
	@$(BIN)/python scripts/mutants.py $(MUTANTS)

demo: demo-packages build  ## boot a guest in Bochs and show its network at work
	@$(BIN)/pynat demo

bench: bench-packages $(TOOLS)  ## the benchmarks, in a quarter of an hour; some of them by BENCH="--only turn"
	@$(BIN)/python -m benchmarks $(BENCH)

counts: bench-packages $(TOOLS)  ## instructions of the hot paths, into benchmarks/counts.txt
	@$(BIN)/python -m benchmarks.counts

profile: bench-packages $(TOOLS)  ## where the time goes: flame graphs and tables in build/bench
	@$(BIN)/python -m benchmarks.profile $(PROFILE)

docs: $(TOOLS)  ## the documentation as a site, in build/site; every link is checked
	@scripts/make-docs

dist: $(TOOLS)  ## a source archive and a wheel, in dist/
	@$(BIN)/python -m build

clean:  ## remove all that was made in this folder, .venv too
	rm -rf $(VENV) build dist *.egg-info pynat/plugin pynat/*.so
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## and what was downloaded for tests into the user's cache
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/bochs-pynat"

packages:
	@scripts/install-debian-packages build

demo-packages test-packages bench-packages: %-packages:
	@scripts/install-debian-packages build $*

# .venv/.made says for which folder and of which Python .venv was made.
ifneq ($(shell scripts/make-venv --stale $(VENV) "$(PYTHON)"),)
.PHONY: $(VENV)/.made
endif

$(VENV)/.made: | packages
	@scripts/make-venv $(VENV) "$(PYTHON)"

# The plugin is linked with the libpython of .venv, so a new .venv builds it again.
$(PLUGIN): $(VENV)/.made pyproject.toml $(PLUGIN_SOURCES) | packages
	@scripts/with-progress "Building the plugin, installing pynat in $(VENV)" $(PIP) --editable .
	@touch $@

# Read from there because pip would build the plugin once more to learn them.
define print_tools
import tomllib
project = tomllib.load(open('pyproject.toml', 'rb'))['project']
print(*project['optional-dependencies']['dev'], sep='\n')
endef
export print_tools

$(TOOLS): $(PLUGIN) pyproject.toml
	@$(BIN)/python -c "$$print_tools" >$(TOOLS).part
	@scripts/with-progress "Installing the tools for tests in $(VENV)" $(PIP) -r $(TOOLS).part
	@mv $(TOOLS).part $@

# Each stands for a source in which clang-tidy found nothing.
build/tidy/%: % build/compile_commands.json .clang-tidy pyproject.toml $(wildcard bochs_shim/*.h) | $(TOOLS)
	@mkdir -p $(@D)
	@$(BIN)/clang-tidy --quiet -p build $<
	@touch $@

build/compile_commands.json: scripts/compile_commands.py bochs_shim/build_flags.py $(VENV)/.made | $(TOOLS)
	@mkdir -p $(@D)
	@$(BIN)/python $< >$@.part
	@mv $@.part $@
