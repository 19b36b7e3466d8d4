PYTHON ?= python3.11
BIN := .venv/bin
CONFIG ?= config/demo.yaml

.PHONY: setup demo assign test lint format bench

setup: .venv/installed

.venv/installed: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.lock
	touch $@

demo: setup
	$(BIN)/snakemake --configfile config/demo.yaml
	@echo "The report: results/demo/report.html"

assign: setup
	PYTHONPATH=workflow/scripts $(BIN)/python -m livermet.assign --configfile $(CONFIG)

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint --configfile config/demo.yaml

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

bench: setup
	for script in $(wildcard benchmarks/*.py); do PYTHONPATH=workflow/scripts $(BIN)/python $$script || exit 1; done
