# Few verbs. `make help` lists them; `make check` is the law, in CI and by hand alike.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
JOBS ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run test check bench conformance gen migrate manage reset
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 22

.venv/run: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Behavry needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make run PYTHON=python3.12"; exit 1; }
	@echo "installing what Behavry needs into .venv …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/dev: .venv/run requirements-dev.txt
	@echo "installing what the tests need into .venv …"
	@$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@$(BIN)/python -m behavry.conformance --install || echo "no Node tools: the tests that need them will be skipped, and say so"
	@touch $@

run: .venv/run ## start everything with a demo and keep serving (PORT=8000)
	@PORT=$(PORT) exec $(BIN)/python -m behavry.run

test: .venv/dev ## run all tests with embedded services (ARGS="apps/audit -k chain" JOBS=3)
	@$(BIN)/python -m behavry.embedded exec -- $(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

check: .venv/dev ## format, lint, types, import contracts, Django checks, migrations, policies, generated files
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh .ci/check

bench: .venv/dev ## measure and print a table (JSON=1 for JSON lines alone)
	@$(BIN)/python -m behavry.embedded exec -- $(BIN)/python -m bench $(if $(JSON),--json,)

conformance: .venv/dev ## run the public MCP suite directly and through the gateway, side by side
	@$(BIN)/python -m behavry.embedded exec -- $(BIN)/python -m behavry.conformance $(ARGS)

gen: .venv/dev ## regenerate what is generated (OpenAPI, docs/coverage.md)
	@$(BIN)/python -m apps.gateway.tests.coverage > docs/coverage.md
	@$(BIN)/python -m behavry.embedded exec --no-migrate -- $(BIN)/python manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn

migrate: .venv/run ## bring the database of DATABASE_URL (the owner's) to the newest version
	@$(BIN)/python manage.py migrate_all

manage: .venv/run ## a management command on the data of make run (ARGS="audit_verify --all")
	@test -f var/env || { echo "there is no run to work on: make run first"; exit 1; }
	@set -a; . var/env; $(BIN)/python manage.py $(ARGS)

reset: ## forget all data of make run
	@$(BIN)/python -m behavry.reset
