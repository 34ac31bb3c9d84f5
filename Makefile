# Two commands for a newcomer: `make fit` and `make test`. Both make .venv and install what they need.

# The first interpreter that works and is new enough; override with `make PYTHON=... fit`.
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=

.PHONY: fit fit-atari test check format bench faults clean

fit: .venv/installed  ## the main job: learn HalfCheetah from an expert, test it in shifted worlds
	$(BIN)/python -m lrs_lightning fit $(ARGS)

fit-atari: .venv/installed-atari  ## the same from pixels: Seaquest
	$(BIN)/python -m lrs_lightning fit --config conf/seaquest.yaml $(ARGS)

test: .venv/installed-dev check  ## everything CI runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/installed-dev  ## benchmarks in small; `python -m benchmarks SECTION` for the real ones
	$(BIN)/python -m benchmarks kernels --smoke

faults: .venv/installed-dev  ## small mistakes in the code that no test finds; ARGS="--rooms nn --number 60"
	$(BIN)/python -m tools.faults $(ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or 3.12 found: install one, or run make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

# torch first and by its exact name: a machine may hold a CPU build of just this version.
.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install -q "$$(grep '^torch==' constraints.txt)"
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

.venv/installed-atari: .venv/installed
	$(PIP) install -q -c constraints.txt -e '.[atari]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache
