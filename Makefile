# Every target works from any directory and is safe to repeat; `make` alone explains them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
.PHONY: help install demo test cover mutants chaos fleet blame check bench soak lock backends image clean
MAKEFLAGS += --no-print-directory

ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
IN_ROOT := cd "$(ROOT)" &&
# A failure is confirmed, as a journey's is: at most three tests a run get a second attempt, and
# each that needed one is shown with its traceback. It is a fault all the same: of the test or ours.
CONFIRM := --reruns 1 --max-suite-reruns 3 --rerun-show-tracebacks
# Laws on dozens of cases here and on hundreds in `make cover`; PROBER_HYPOTHESIS= says otherwise.
BRIEFLY := PROBER_HYPOTHESIS=$${PROBER_HYPOTHESIS-brief}
export PYTHON

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s%s\n", $$1, $$2 }' "$(ROOT)/Makefile"

install: ## Make .venv and find or install a browser (PYTHON= chooses the interpreter)
	@$(IN_ROOT) setup/environment && .venv/bin/python setup/browser.py

demo: install ## Watch an error budget burn on this machine (ARGS="--exit-after 90s")
	@$(IN_ROOT) exec .venv/bin/prober demo $(ARGS)

test: install backends ## Run the tests, with a real browser and real servers (PYTEST_ARGS=)
	@$(IN_ROOT) $(BRIEFLY) exec .venv/bin/pytest -n 4 --dist loadgroup $(CONFIRM) $(PYTEST_ARGS)

cover: install backends ## Every branch of prober/slo is taken by its own tests
	@$(IN_ROOT) COVERAGE_FILE=.cache/coverage exec .venv/bin/pytest -n 2 -q \
	  tests/slo tests/conformance \
	  tests/test_invalid.py --cov=prober.slo --cov-branch --cov-fail-under=100 \
	  --cov-report=term-missing:skip-covered $(PYTEST_ARGS)

mutants: install backends ## No small mistake in prober/slo goes unnoticed, but for docs/mutants.md (ARGS="gate.*")
	@$(IN_ROOT) setup/mutants/install && exec .venv/bin/python setup/mutants $(ARGS)

chaos: install backends ## Run the tests that take minutes: kills, outages, benchmarks (PROBER_LONG=short)
	@$(IN_ROOT) exec .venv/bin/pytest -m long $(CONFIRM) $(PYTEST_ARGS)

fleet: image backends ## Run the tests of containers: three regions cut off, paused, killed (PROBER_LONG=short)
	@$(IN_ROOT) setup/victoria && exec .venv/bin/pytest -m fleet $(CONFIRM) $(PYTEST_ARGS)

blame: install ## Strike with every fault and see whose it is called (PROBER_LONG=short)
	@$(IN_ROOT) exec .venv/bin/pytest -m blame tests/faults $(CONFIRM) $(PYTEST_ARGS)

check: install ## Lint, format, types, and the direction of imports
	@$(IN_ROOT) failed=0; \
	.venv/bin/ruff check . || failed=1; \
	.venv/bin/ruff format --check . || failed=1; \
	.venv/bin/mypy || failed=1; \
	.venv/bin/lint-imports || failed=1; \
	exit $$failed

bench: install ## Measure Prober against raw Playwright (ARGS=)
	@$(IN_ROOT) exec .venv/bin/python -m benchmarks $(ARGS)

soak: install ## Watch for an hour at 20 times the rate what grows (ARGS="--for 1h")
	@$(IN_ROOT) exec .venv/bin/python -m benchmarks soak $(ARGS)

lock: install ## Resolve pyproject.toml anew into requirements.lock
	@$(IN_ROOT) setup/lock

backends: install ## Fetch the metric backends that tests talk to, without installing them, and strace
	@$(IN_ROOT) setup/backends && setup/strace

image: install ## Build the container image (BASE=, BROWSER=playwright)
	@$(IN_ROOT) setup/image

clean: ## Remove everything that these targets made
	@$(IN_ROOT) rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis \
	  .import_linter_cache && find . -name __pycache__ -prune -exec rm -rf {} +
