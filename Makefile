# Two commands for people: `make demo` and `make test`. All else is what they are made of.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
TYPESCRIPT := 5.9.3

.PHONY: demo test lint format bench simulations quality picker clean

# A virtual environment with what the demo needs, and no more.
$(BIN)/.demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "clew needs Python 3.11 or newer: make PYTHON=python3.12 demo"; exit 2; }
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing clew and what it needs into $(VENV) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[image,signal,app]'
	@touch $@

# The same with what tests and linters need.
$(BIN)/.dev: $(BIN)/.demo
	@echo "Installing what the tests need ..."
	@$(PIP) install --constraint constraints.txt --editable '.[image,signal,neural,export,associate,app,notebook,oracle,dev]'
	@$(BIN)/npm install --silent --no-audit --no-fund --prefix $(VENV)/typescript typescript@$(TYPESCRIPT)
	@touch $@

demo: $(BIN)/.demo
	@$(BIN)/clew demo

test: $(BIN)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(BIN)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/node $(VENV)/typescript/node_modules/typescript/bin/tsc -p src/clew/app/static/jsconfig.json

format: $(BIN)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The same with the libraries that clew is measured beside.
$(BIN)/.bench: $(BIN)/.demo
	@echo "Installing what clew is measured beside ..."
	@$(PIP) install --constraint constraints.txt --editable '.[image,signal,neural,app,bench]'
	@touch $@

bench: $(BIN)/.bench
	$(BIN)/clew bench all

# The acceptance simulations in full: 50 data sets, or histories of a training, of each kind.
simulations: $(BIN)/.dev
	CLEW_SIMULATIONS=50 $(BIN)/python -m pytest tests/explore tests/validate/test_loss_curves.py -k simulat -s

# What encoders and decoders reach on real data, with whole trainings: an hour.
quality: $(BIN)/.dev
	CLEW_QUALITY=1 $(BIN)/python -m pytest tests/bench -k quality -s

# The picker that clew comes with, made anew from PhaseNet's windows: make picker WINDOWS=phasenet_ncedc MODEL=new-folder. An hour.
picker: $(BIN)/.dev
	$(BIN)/python -m clew.bench.picking_quality "$(WINDOWS)" --arm simulated --ship "$(MODEL)"

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache
