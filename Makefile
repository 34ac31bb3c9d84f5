# Two commands for a newcomer: `make fit` and `make test`. Both make .venv and install what they need.

# The first interpreter that works and is new enough; override with `make PYTHON=... fit`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
SUPPLY := .venv/supply/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
LOCKED := $(PIP) install -q --require-hashes --no-deps --only-binary :all:
ARGS ?=
# `make fit TORCH_INDEX=URL` with PyTorch's index of CPU builds: without a GPU, 2.5 GB less to download.
TORCH_INDEX ?=

.PHONY: fit fit-atari test test-lowest test-newest test-long check format bench faults lock audit docs clean

fit: .venv/installed  ## the main job: learn HalfCheetah from an expert, test it in shifted worlds
	$(BIN)/python -m lrs_lightning fit $(ARGS)

fit-atari: .venv/installed-atari  ## the same from pixels: Seaquest
	$(BIN)/python -m lrs_lightning fit --config conf/seaquest.yaml $(ARGS)

test: .venv/installed-dev check  ## everything CI runs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-lowest: .venv/lowest/installed  ## the tests with the oldest versions that pyproject.toml allows
	OMP_NUM_THREADS=1 .venv/lowest/bin/python -m pytest $(ARGS)

test-newest: .venv/newest/installed  ## the tests with the newest; another Python: make clean, PYTHON=python3.13
	OMP_NUM_THREADS=1 .venv/newest/bin/python -m pytest $(ARGS)

test-long: .venv/installed-dev  ## over half an hour: runs that are killed again and again, every combination
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m long $(ARGS)

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

lock: .venv/supply/installed  ## versions and hashes anew where pyproject.toml changed; ARGS=--upgrade for newer ones
	$(SUPPLY)/python -m tools.lock $(ARGS)

audit: .venv/supply/installed  ## known vulnerabilities of what is locked
	$(SUPPLY)/python -m tools.audit $(ARGS)

docs: .venv/docs/installed  ## the documentation as a site in site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 .venv/docs/bin/python -m mkdocs build --quiet --strict $(ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11, 3.12 or 3.13 found: install one, or run make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

# Nothing is installed whose SHA-256 is not in lock/: wheels alone, and what they need stands there too.
# torch first: a CPU build of just this version where TORCH_INDEX or this machine holds one, else that of
# the usual index, which on Linux brings CUDA.
.venv/installed: .venv/bin/python pyproject.toml $(wildcard lock/*.txt)
	$(if $(TORCH_INDEX),$(LOCKED) --index-url $(TORCH_INDEX) -r lock/torch-cpu.txt,\
	$(LOCKED) -r lock/torch-cpu.txt 2>/dev/null || $(LOCKED) -r lock/torch.txt)
	$(LOCKED) -r lock/fit.txt
	$(PIP) install -q --no-deps --no-build-isolation -e .
	$(PIP) check
	@touch $@

.venv/installed-%: .venv/installed lock/%.txt  # an extra: atari, expert, export, parquet, ray, search
	$(LOCKED) -r lock/$*.txt
	@touch $@

.venv/installed-dev: .venv/installed
	$(LOCKED) -r lock/test.txt
	$(PIP) check
	@touch $@

# Apart from the rest: pip-audit brings a pip, and neither these nor the site's tools import this project.
.venv/supply/installed .venv/docs/installed: .venv/%/installed: .venv/bin/python lock/%.txt
	$(PYTHON) -m venv .venv/$*
	$(subst $(BIN),.venv/$*/bin,$(LOCKED)) -r lock/$*.txt
	@touch $@

# The ends of what pyproject.toml allows: an environment each, of other versions than the locked ones.
.venv/lowest/installed .venv/newest/installed: .venv/%/installed: pyproject.toml .venv/supply/installed
	$(PYTHON) -m venv --clear .venv/$*
	$(SUPPLY)/python -m tools.floors $* .venv/$*/requirements.txt
	.venv/$*/bin/python -m pip install -q -r .venv/$*/requirements.txt
	.venv/$*/bin/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache
