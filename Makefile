# boxnb: `make lab` to work, `make test` and `make check` before you send a change.
# The virtual environment is .venv; pip uses whatever index and proxy you have set up.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
START := notebooks/00-start-here.ipynb

.DEFAULT_GOAL := help
.PHONY: help lab test check notebooks bench bench-transfers bench-views clean

help:  ## say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp for each set of extras; a changed pyproject.toml installs again.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

.PRECIOUS: $(VENV)/.installed-%

lab: $(VENV)/.installed-lab  ## open JupyterLab on the start notebook (ARGS= goes to JupyterLab)
	$(BIN)/jupyter lab $(START) $(ARGS)

test: $(VENV)/.installed-test  ## run every test (ARGS= goes to pytest)
	$(BIN)/python tests/browser/find.py
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 --dist=worksteal $(ARGS)

check: $(VENV)/.installed-dev  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/oxlint --deny-warnings boxnb tests

notebooks: $(VENV)/.installed-test  ## execute every notebook against the sandbox, into build/notebooks/*.html
	$(BIN)/python tests/notebooks/to_html.py build/notebooks

bench: $(VENV)/.installed-bench  ## measure speed beside peers, minutes (ARGS= such as "--runs 3 --works users")
	$(BIN)/python tests/bench/compare.py $(ARGS)

bench-transfers: $(VENV)/.installed-bench  ## measure files up and down (ARGS= such as "large --megabytes 1000", "many", "beside")
	$(BIN)/python tests/bench/transfers.py $(ARGS)

bench-views: $(VENV)/.installed-test  ## measure tables, trees and maps of a large enterprise in a browser (ARGS= such as "--runs 5")
	$(BIN)/python tests/browser/find.py
	$(BIN)/python tests/bench/views.py $(ARGS)

clean:  ## remove what make made; your sign-ins stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
