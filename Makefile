# Two commands do everything in a fresh clone: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of one file run in one worker, because they share models. A worker takes a gigabyte.
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: demo test test-slow test-all test-versions lint types dist clean

demo: $(VENV)/installed
	$(BIN)/python bin/reproduce_table --table 1 --preset demo --jobs 2

test: $(VENV)/installed
	$(BIN)/python -m pytest $(WORKERS)

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest $(WORKERS) -m slow

test-all: $(VENV)/installed
	$(BIN)/python -m pytest $(WORKERS) -m "slow or not slow"

# The default suite with each release of TensorFlow, in environments of their own: `make -k` goes
# on after a release that fails, and `make test-tf-2.18` tests one.
TENSORFLOW := 2.18 2.19 2.20 2.21

test-versions: $(TENSORFLOW:%=test-tf-%)

test-tf-%: .venvs/tf-%/installed
	.venvs/tf-$*/bin/python -m pytest $(WORKERS)

.PRECIOUS: .venvs/tf-%/installed
.venvs/tf-%/installed: requirements.txt pyproject.toml setup.py
	$(PYTHON) -m venv .venvs/tf-$*
	.venvs/tf-$*/bin/python -m pip install --quiet --disable-pip-version-check \
		--editable ".[test]" "tensorflow==$*.*"
	touch $@

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy

# dist/ receives the wheel and the source distribution.
dist: $(VENV)/installed
	rm -rf dist
	$(BIN)/python -m build --outdir dist .

# Installs again when requirements.txt, pyproject.toml or setup.py is newer than the marker.
$(VENV)/installed: requirements.txt pyproject.toml setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .venvs
