# gapglass: `make run` runs the example study, `make test` proves the parts. Both set up .venv from the hash-checked lock first.

PYTHON ?= python3
CONFIG ?= config/config.yaml
ARGS ?=
BIN := .venv/bin
# As written and by way of the environment: the name of a file is never part of a command.
override CONFIG := $(value CONFIG)
export CONFIG

.PHONY: run report inspect test test-long benchmark setup lint docs site lock clean

run: setup
	@$(BIN)/gapglass run "$$CONFIG" $(ARGS)

# What a study has made so far, also while it runs.
report: setup
	@$(BIN)/gapglass report "$$CONFIG"

# What trajectory files contain: make inspect FILES="vasprun.xml md-pos-1.xyz" ARGS="--cell 12 12 12"
inspect: setup
	@$(BIN)/gapglass inspect $(FILES) $(ARGS)

# At most 15 minutes on two cores that have nothing else to do.
test: setup
	@# Tests call make themselves, and must not inherit the variables of this call.
	MAKEFLAGS= MAKEOVERRIDES= ARGS= $(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

# What takes long: Slurm, kills in every stage, full disks, growth, plans of the paper's size.
test-long: setup
	MAKEFLAGS= MAKEOVERRIDES= ARGS= $(BIN)/python -m pytest -m slow $(ARGS)

# Hours on two cores that have nothing else to do; writes docs/reference/performance*.md.
benchmark: setup
	$(BIN)/snakemake $(ARGS) -s benchmarks/Snakefile --cores all --logger gapglass

setup: .venv/.complete

# Packages from the lock first, then gapglass itself, which alone is compiled again when a C++ source is newer than the
# start of the last compilation, or one that it had is gone.
ENGINE := $(wildcard CMakeLists.txt $(foreach folder,gap python lammps,cpp/$(folder)/*))
GONE := $(if $(ENGINE),$(filter-out $(ENGINE),$(shell cat .venv/.sources 2>/dev/null)))

.PHONY: gone
gone:

.venv/.packages: requirements.lock
	@command -v $(firstword $(PYTHON)) >/dev/null || { echo "there is no $(PYTHON); install Python 3.11 or newer, or name it with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "gapglass needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + "; name another with make PYTHON=...")'
	@echo "Setting up .venv from requirements.lock (once, a minute or two)"
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $@

.venv/.complete: .venv/.packages pyproject.toml $(ENGINE) $(if $(GONE),gone)
	@for name in $(firstword $(CXX)) c++ clang++; do ! command -v $$name >/dev/null || exit 0; done; \
	echo "there is no C++ compiler; install g++ (Debian: apt install g++) or set CXX" >&2; exit 1
	@echo "Compiling the engine"
	@touch .venv/.compiling
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo $(ENGINE) > .venv/.sources
	@mv .venv/.compiling $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow benchmarks/Snakefile
	$(BIN)/lint-imports
	$(BIN)/snakemake --lint

# The schema and the lock give config/README.md and envs/gapglass.yaml.
docs: setup
	$(BIN)/python tools/documents.py

# The documentation as web pages in build/site, built without a network by packages of its own; a warning is an error.
site: .venv-site/.packages
	.venv-site/bin/sphinx-build -q -W --keep-going -E -c docs -d build/site.doctrees $(ARGS) . build/site
	@echo "The first page is build/site/index.html"

.venv-site/.packages: docs/requirements.lock
	@$(PYTHON) -m venv --clear .venv-site
	@.venv-site/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

# Each lock from the .in file beside it; needs pip-tools (pipx install pip-tools).
LOCK := pip-compile --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe
lock:
	$(LOCK) requirements.in --output-file requirements.lock
	$(LOCK) docs/requirements.in --output-file docs/requirements.lock

clean:
	rm -rf results .snakemake build
