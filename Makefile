# Everything a person types. Needs Python 3.11 or newer and nothing else; pip alone does the installing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed-dev
USE    := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench pins clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(USE) ## create .venv and install tenfold into it

demo: $(USE) ## tune a real model on the digits data over an embedded cluster
	$(BIN)/tenfold run examples/digits.yaml

test: $(STAMP) ## run the whole test suite; starts every service it needs
	$(BIN)/python -m pytest

check: $(STAMP) ## lint, format, types, layers, dead links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/check_links.py

bench: $(STAMP) ## print the benchmark tables
	$(BIN)/python benchmarks/suggest.py

pins: $(STAMP) ## write the versions now installed to constraints.txt
	echo '# Exact versions that make install uses and CI tests, written by make pins. Names and versions only.' > constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable >> constraints.txt

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tenfold needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.13 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(USE): $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(STAMP): $(USE) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --requirement requirements-dev.txt
	@touch $@
