PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # the tests start hundreds of processes, and each would compile all
# Compiling all takes a third of the time; Python compiles what it imports by itself.
INSTALL := pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r
LINT_ENV := SECRET_KEY=lint-lint-lint-lint-lint-lint-lint-lint-lint-lint-lint AUDIT_KEY=lint INSTALLATION=lint

.PHONY: demo seed test test-fast lint lock bench sim torture screenshots

demo: .venv/base  ## a running desk with example data: sandbox, web, worker
	@$(BIN)/python manage.py demo

ROWS ?= 2000
DAYS ?= 365
seed: .venv/base  ## a larger desk: about ROWS payouts of so many days, in DATABASE_URL if that is given
	@$(BIN)/python manage.py seed --rows $(ROWS) --days $(DAYS)

test: .venv/dev  ## every test, on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest --engine=sqlite -n auto --dist worksteal
	$(BIN)/python -m pytest --engine=postgres -n auto --dist loadgroup

test-fast: .venv/dev  ## for the inner loop: SQLite alone, without the simulation
	$(BIN)/python -m pytest --engine=sqlite -n auto -m "not sim"

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --lint .
	$(LINT_ENV) $(BIN)/lint-imports
	$(LINT_ENV) $(BIN)/mypy .
	$(LINT_ENV) $(BIN)/python manage.py makemigrations --check --dry-run
	$(LINT_ENV) $(BIN)/python manage.py check --deploy --fail-level WARNING

LOCK := ../.venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes
UPGRADE ?=
lock:  ## requirements/*.txt anew from *.in; with UPGRADE=--upgrade the newest that they allow
	$(PYTHON) -m venv --clear .venv/lock
	.venv/lock/bin/$(INSTALL) requirements/lock.txt
	cd requirements && for each in lock base production dev; do \
		$(LOCK) --no-header $(UPGRADE) $$each.in --output-file $$each.txt || exit; done

screenshots: .venv/dev  ## the README's pictures, taken of the demo
	$(BIN)/python docs/screenshots.py

SEEDS ?= 10000
ENGINE ?= sqlite
sim: .venv/dev  ## many seeds of the simulation: docs/simulation.md; ENGINE=postgres for the other one
	$(BIN)/python -m tests.sim --seeds $(SEEDS) --engine $(ENGINE) --report docs/simulation.md

bench: .venv/dev
	$(BIN)/python -m benchmarks --publish

torture: .venv/dev  ## 200 kills on each engine, 500 rounds of each race: docs/torture.md
	$(BIN)/python -m tests.torture

.venv/base: requirements/base.txt
	$(PYTHON) -m venv .venv
	$(BIN)/$(INSTALL) requirements/base.txt
	@touch $@

.venv/dev: .venv/base requirements/dev.txt
	$(BIN)/$(INSTALL) requirements/dev.txt
	@touch $@
