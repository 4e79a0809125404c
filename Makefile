# All that a person or CI does here. Needs make and Python 3.11 or newer; each target installs what it lacks into .venv.
#
# ARGS goes to the command behind a target; PYTHON names the interpreter that .venv is made with.

ARGS ?=
PYTHON ?=
export PYTHON
# Bytecode is kept, also where the environment forbids it: else each process compiles all that it imports, and a start
# of the server takes three times as long.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help setup run test check proto docs bench faults lock

help: ## Show this list
	@echo 'usage: make TARGET [ARGS="..."] [PYTHON=python3.12]'
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

setup: ## Install everything into .venv; instant when nothing has changed
	@sh tools/setup.sh

run: setup ## Show it at work: a sandbox cloud, the server, live metrics (ARGS="--for 30s" ends by itself)
	@.venv/bin/novacron-cloud demo $(ARGS)

# Most tests wait for processes and sockets, so that two at once take half the time. The tests of a file share what they
# set up and stay together.
# Unbuffered: blockbuster leaves file types that an interpreter which still has to flush at its end crashes on.
test: export PYTHONUNBUFFERED = 1
PARALLEL = --numprocesses auto --maxprocesses 4 --dist loadfile

# A part of the tests says nothing about coverage, so with ARGS it is not measured.
test: setup ## Run all tests with coverage, or some without (ARGS="tests/unit -k paging")
ifeq ($(strip $(ARGS)),)
	@.venv/bin/python -m coverage erase
	@.venv/bin/python -m coverage run -m pytest $(PARALLEL); tests=$$?; \
	.venv/bin/python -m coverage combine --quiet; .venv/bin/python -m coverage report; coverage=$$?; \
	exit $$((tests ? tests : coverage))
else
	@.venv/bin/python -m pytest $(ARGS)
endif

check: setup ## Check style, types, arrows, contract and stubs (ARGS="mypy ruff" for some)
	@.venv/bin/python -m tools.check $(ARGS)

proto: setup ## Format the contract and generate its stubs
	@.venv/bin/buf format --write protos
	@.venv/bin/python -m tools.stubs
	@.venv/bin/python -m tools.calls

docs: setup ## Write the tables of docs/ from the adapters, and the schema of new databases
	@.venv/bin/python -m tools.docs
	@.venv/bin/python -m tools.schema

bench: setup ## Measure the ratios that the design promises
	@.venv/bin/python -m tests.bench $(ARGS)

faults: setup ## Prove what is promised about faults, two hours in full (ARGS="outage matrix", ARGS="--quick")
	@.venv/bin/python -m tests.faults $(ARGS)

lock: setup ## Resolve requirements.lock anew after a change of pyproject.toml (ARGS="--upgrade")
	@.venv/bin/python -m uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-annotate --no-header --no-emit-package novacron-cloud \
		--quiet --output-file requirements.lock $(ARGS)
