# Everything a person or CI runs. DATABASE_URL names the database to work on; unset, it is a PostgreSQL of this
# checkout, with its data in .local/.

VENV := .venv
PYTHON := $(VENV)/bin/python
ALEMBIC := $(VENV)/bin/alembic
EMBEDDED := $(PYTHON) -m migrations.embedded
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help venv upgrade bootstrap demo test chaos people import promotion programs test-rules test-failover test-policies lint mutants record drift seed check-seed url psql stop clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

venv: $(READY) ## make the virtual environment in .venv

# A half-made environment has no stamp and is made again from nothing.
$(READY): requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python >= 3.11 is needed as python3 on the PATH.' >&2; exit 1; }
	@python3 -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'python3 cannot make virtual environments: install its venv package (Debian: apt install python3-venv).' >&2; exit 1; }
	@rm -rf $(VENV)
	@python3 -m venv $(VENV)
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --no-input --no-deps --requirement requirements.lock
	@touch $@

upgrade: $(READY) ## bring the database to head; without DATABASE_URL start and bootstrap a local one first
	@if [ -z "$$DATABASE_URL" ]; then \
		$(EMBEDDED) up && \
		{ $(PYTHON) -m migrations.bootstrap --check >/dev/null 2>&1 || $(PYTHON) -m migrations.bootstrap; }; \
	fi
	@$(ALEMBIC) upgrade head

bootstrap: $(READY) ## as superuser, once per database: roles, schemas, extensions
	@if [ -z "$$DATABASE_URL" ]; then $(EMBEDDED) up >/dev/null; fi
	@$(PYTHON) -m migrations.bootstrap

demo: $(READY) ## two agencies, and what each person sees
	@$(PYTHON) -m tests.clients.demo

# Two jobs: one keeps both cores busy, the other mostly waits for elections, and goes first when it needs a core.
test: lint programs ## everything CI runs
	@echo 'rules and faults side by side; each speaks when it is done'
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-rules test-failover

# loadscope: what a module prepares, such as a list of 100 000 rows, is prepared once.
test-rules: $(READY) ## migrations, contracts, clients, and the policies through HAProxy
	@nice -n 10 $(PYTHON) -m pytest --quiet --numprocesses=2 --dist=loadscope --ignore=tests/policies --ignore=tests/failover/test_faults.py tests
	@nice -n 10 $(PYTHON) -m pytest --quiet --numprocesses=2 tests/policies/test_cluster_url.py
	@nice -n 10 $(PYTHON) -m tests.cluster run -- $(PYTHON) -m pytest --quiet --numprocesses=2 tests/policies

test-failover: $(READY) ## every fault of the matrix, on a cluster of its own
	@$(PYTHON) -m pytest --quiet tests/failover/test_faults.py

# Make exports what stands on its command line; an empty CLUSTER_URL means a private server.
test-policies: $(READY) ## the policies, on your cluster: make test-policies CLUSTER_URL=postgresql://…
	@$(PYTHON) -m pytest --quiet --numprocesses=2 tests/policies

chaos: $(READY) ## all faults at random: make chaos MINUTES=20 SEED=7
	@$(PYTHON) -m tests.failover.chaos --minutes $(or $(MINUTES),20) $(if $(SEED),--seed $(SEED))

people: $(READY) ## people act at random, model against database: make people STEPS=50000 SEED=7
	@$(PYTHON) -m tests.people --steps $(or $(STEPS),50000) $(if $(SEED),--seed $(SEED))

import: $(READY) ## a dirty import on a cluster, client, worker and leader killed: make import ROWS=100000 SEED=7
	@$(PYTHON) -m tests.failover.imports --rows $(or $(ROWS),100000) $(if $(SEED),--seed $(SEED))

promotion: $(READY) ## an agency moves to an index of its own on a cluster, killed, leader too: make promotion VECTORS=400 SEED=7
	@$(PYTHON) -m tests.failover.tiers --vectors $(or $(VECTORS),400) $(if $(SEED),--seed $(SEED))

programs: $(READY) ## etcd, HAProxy and iptables from Debian, when they are missing
	@$(PYTHON) -m tests.cluster programs

mutants: $(READY) ## what the suite is broken with on purpose, and the gate that notices
	@$(PYTHON) -m pytest --quiet --numprocesses=2 --mutants tests

lint: $(READY) ## style and types, no database needed
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .
	@$(VENV)/bin/mypy --no-error-summary
	@$(VENV)/bin/sqlfluff lint --disable-progress-bar sql policies

record: $(READY) ## after a revision: write manifest, snapshots and sql/schema.sql
	@$(PYTHON) -m migrations.desired_state.record

drift: $(READY) ## is the database of DATABASE_URL still what its revision made it?
	@$(PYTHON) -m migrations.drift

seed: $(READY) ## made-up agencies: make seed AGENCIES=3 ROWS=30000 SEED=7; DATABASE_URL is a superuser's
	@$(PYTHON) -m tests.seed $(if $(AGENCIES),--agencies '$(AGENCIES)') $(if $(ROWS),--rows '$(ROWS)') $(if $(SEED),--random '$(SEED)')

check-seed: $(READY) ## as every member of every agency, every table and command: is a foreign row in reach?
	@$(PYTHON) -m tests.seed.check

url: $(READY) ## print a URL of the local database: make url ROLE=gardenos_migrator
	@$(EMBEDDED) url $(or $(ROLE),authenticator)

psql: $(READY) ## open psql on the local database: make psql ROLE=authenticator
	@$(EMBEDDED) psql $(or $(ROLE),postgres)

stop: $(READY) ## stop the local database
	@$(EMBEDDED) stop

clean: ## stop and forget the local database and cluster, the environment and all caches
	@if [ -x $(PYTHON) ] && [ -d .local ]; then $(EMBEDDED) stop; $(PYTHON) -m tests.cluster down; fi
	@rm -rf .local $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find migrations tests -name __pycache__ -type d -prune -exec rm -rf {} +
