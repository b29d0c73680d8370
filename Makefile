# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
#
# What those who work on the project type. Everything runs in the environment that isaaclab.sh makes.

RUN := ./isaaclab.sh -p
JOBS ?= 2

.PHONY: help setup check format test test-fast docs franka mutate wheel

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

setup: ## make or update the environment
	./isaaclab.sh -i

check: ## style, format and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: ## mend style and format where that is possible
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

test: ## all tests, with physics engines
	$(RUN) -m pytest -n $(JOBS)

test-fast: ## the tests that start no physics engine and take no long time
	$(RUN) -m pytest -n $(JOBS) -m "not simulator and not slow"

docs: ## the site of the documents, in site/; a broken link is an error
	.ci/site

franka: ## the example of a robot, against a server that speaks the arm's protocol
	.ci/franka

mutate: ## break the method's modules on purpose, and see whether tests notice (hours)
	$(RUN) tests/tools/mutate.py

wheel: ## a wheel, in dist/
	$(RUN) -m pytest -q tests/foundation/test_wheel.py
	uv build --wheel --out-dir dist .
