# boxnb: `make lab` to work, `make test` and `make check` before you send a change.
# The virtual environment is .venv; pip uses the index and the proxy that you have configured.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
START := notebooks/00-start-here.ipynb
# Files and folders in which `make check` looks for the phrases of tests/words.txt.
PROSE := README.md CONTRIBUTING.md CHANGELOG.md data/README.md environment.yml .github .docs boxnb tests notebooks

# The tests start over a thousand processes. Where the environment forbids Python to save compiled modules, each of them
# would compile boxnb again, which takes longer than importing it.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help lab test check words notebooks docs pictures bench bench-report bench-transfers bench-harvests bench-views clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp file per set of extras; a changed pyproject.toml installs again.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing boxnb with the extra '$*' into $(VENV): once, for some minutes"
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

.PRECIOUS: $(VENV)/.installed-%

lab: $(VENV)/.installed-lab  ## open JupyterLab on the start notebook (ARGS= goes to JupyterLab)
	$(BIN)/jupyter lab $(START) $(ARGS)

test: $(VENV)/.installed-test  ## run every test (ARGS= goes to pytest)
	$(BIN)/python tests/support/find.py
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 --dist=worksteal $(ARGS)

check: $(VENV)/.installed-dev  ## check format, lint, words and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --no-print-directory words
	$(BIN)/mypy
	$(BIN)/oxlint --deny-warnings boxnb tests

words: $(VENV)/.installed-dev  ## find phrases to avoid, listed in tests/words.txt
	$(BIN)/codespell $(PROSE)

notebooks: $(VENV)/.installed-test  ## execute every notebook against the sandbox, into build/notebooks/*.html
	$(BIN)/python tests/support/to_html.py build/notebooks

docs: $(VENV)/.installed-test  ## build the documentation, with every notebook executed, into build/docs (ARGS= such as "--execute 2-explore/*")
	$(BIN)/python .docs/build.py build/docs $(ARGS)

pictures: $(VENV)/.installed-test  ## make the pictures of README and of the documentation again, into .docs/pictures
	$(BIN)/python .docs/pictures.py

bench: $(VENV)/.installed-bench  ## compare the speed with other libraries, for minutes (ARGS= such as "--runs 3 --works users")
	$(BIN)/python tests/bench/compare.py $(ARGS)

bench-report: $(VENV)/.installed-bench  ## the same, and write the tables to tests/bench/RESULTS.md (ARGS= as for bench)
	$(BIN)/python tests/bench/compare.py --report $(ARGS)

bench-transfers: $(VENV)/.installed-bench  ## measure uploads and downloads (ARGS= such as "large --megabytes 1000", "many", "compare")
	$(BIN)/python tests/bench/transfers.py $(ARGS)

bench-harvests: $(VENV)/.installed-bench  ## measure harvests (ARGS= such as "kills --users 1000", "memory", "limit", "workers", "compare")
	$(BIN)/python tests/bench/harvests.py $(ARGS)

bench-views: $(VENV)/.installed-test  ## measure tables, trees and treemaps of a large enterprise in a browser (ARGS= such as "--runs 5")
	$(BIN)/python tests/support/find.py
	$(BIN)/python tests/bench/views.py $(ARGS)

clean:  ## remove what make has built; your sign-ins stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
