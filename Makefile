# Everything starts here: `make run` serves it, `make check` tests it. Both do their own set-up in .venv.
# `make demo` shows the whole job.  # separation: line
# Only make and Python (3.11 or newer) are needed; `make install PYTHON=/path/to/python` takes that one.

.DEFAULT_GOAL := help
.PHONY: help install test lint lint-types lint-rest check run bench-portal bench-admin clean distclean
.PHONY: demo demo-steps demo-again soak bench  # separation: line

PYTHONS := $(if $(PYTHON),"$(PYTHON)",python3 python3.14 python3.13 python3.12 python3.11)
PY := .venv/bin/python
MANAGE := $(PY) manage.py

# separation: begin
# The demo lives on the embedded server, whatever DATABASE_URL says: it must never reach anybody's database.
DEMO := DATABASE_URL= ENVIRONMENT= $(MANAGE)
DEMO_DONE := .postgres/demo-done
# separation: end

# What a deployment sets, for the checks of one; nothing is connected to.
DEPLOYED := DATABASE_URL=postgres://nobody@127.0.0.1:1/none ALLOWED_HOSTS=restaurants.example DEBUG=false \
	SECRET_KEY=only-for-the-deployment-check-0123456789-abcdefghijklmnopqrstuvwxyz \
	PORTAL_SIGNING_KEY=also-for-the-deployment-check-9876543210-abcdefghijklmnopqrstuvwxyz

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: .venv/.installed  ## make .venv and put the packages into it

# Once the stamp is newer than the requirements, this takes neither network nor time. pip compiles with one processor.
.venv/.installed: requirements.txt requirements-dev.txt
	@for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed, and none of these is: $(subst ",,$(PYTHONS))." >&2; \
		echo "Type: make install PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "Making .venv with $$python"; \
		rm -rf .venv; \
		"$$python" -m venv .venv || { rm -rf .venv; exit 1; }; \
	fi
	@echo "Installing the packages into .venv"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-compile --requirement requirements-dev.txt
	@$(PY) -m compileall -qq -j 0 .venv/lib || true
	@touch $@

# separation: begin
demo: .venv/.installed  ## move 5,000 customers of a sample legacy database, every step shown
	@$(MAKE) --no-print-directory $(if $(wildcard $(DEMO_DONE)),demo-again,demo-steps)
	@echo
	@echo "Look at it:"
	@echo "  make run                                                  the admin, at http://127.0.0.1:8000/admin/ for"
	@echo "                                                            superadmin@platform.example, demo-staff-1; and"
	@echo "                                                            the portal's API, at .../api/v1/docs"
	@echo "  .venv/bin/python manage.py mail_worker                    the mails of those who book there, printed"
	@echo "  .venv/bin/python manage.py separation_status              where the separation stands"
	@echo "  .venv/bin/python manage.py migrate_customers --rollback   and all the way back"
	@echo "  make clean demo                                           start over"

demo-again:
	@echo "The demo was built before, and this is how it stands now."; echo
	@$(DEMO) separation_status
	@$(DEMO) verify_separation

demo-steps:
	@echo "== 1. A legacy database, as the old application left it (one that is there already is kept)"
	@$(DEMO) demo --customers 5000 || [ $$? -eq 3 ]
	@echo; echo "== 2. Back it up, before anything of ours is in it"
	@$(DEMO) backup
	@echo; echo "== 3. Adopt it: the new tables are added, nothing is changed"
	@$(DEMO) migrate --verbosity 0
	@echo; echo "== 4. Look before the leap"
	@$(DEMO) preflight
	@echo; echo "== 5. The plan: a dry run"
	@$(DEMO) migrate_customers
	@echo; echo "== 6. Move the customers"
	@printf 'MIGRATE restaurants\n' | $(DEMO) migrate_customers --execute
	@echo; echo "== 7. Prove it, from the tables alone"
	@$(DEMO) verify_separation
	@mkdir -p .postgres && touch $(DEMO_DONE)
# separation: end

run: .venv/.installed  ## serve the site at http://127.0.0.1:8000/
	@$(MANAGE) runserver 127.0.0.1:8000

test: .venv/.installed  ## run every test
	@$(PY) -m pytest

# separation: begin
soak: .venv/.installed  ## search for half an hour where a run, the mirror or the way back could break (10,000 random steps)
	@$(PY) -m pytest -n 2 --dist load --hypothesis-profile=soak tests/separation/test_state_machine.py \
		tests/separation/test_mirror_properties.py tests/separation/test_engine_properties.py \
		tests/separation/test_cleanup_properties.py
# separation: end

# Types take longer than all the rest, which is looked at beside them.
lint: .venv/.installed  ## check style, types, imports, migrations and the deployment's settings
	@$(MAKE) --no-print-directory -j 2 lint-types lint-rest

lint-types:
	@$(PY) -m mypy .

lint-rest:
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -c 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_logo=True))'
	@DATABASE_URL= EMBEDDED_POSTGRES_FAST=true $(MANAGE) makemigrations --check --dry-run
	@$(DEPLOYED) $(MANAGE) check --deploy --fail-level WARNING

check: lint test  ## lint and test

# separation: begin
bench: .venv/.installed  ## compare the engine's speed and memory with plain SQL
	@$(PY) -m bench
# separation: end

bench-portal: .venv/.installed  ## compare the portal's requests per second with views that do nothing else
	@$(PY) -m bench.portal

bench-admin: .venv/.installed  ## time the admin's pages with a million customers (CUSTOMERS=…), beside an empty page
	@$(PY) -m bench.admin $(CUSTOMERS)

clean:  ## stop the embedded server; delete its data, the backups, logs and caches
	@[ ! -f .venv/.installed ] || DATABASE_URL= $(PY) -m config.embedded_postgres remove
	@[ ! -f .venv/.installed ] || DATABASE_URL= EMBEDDED_POSTGRES_DIR=$$($(PY) -m tests.memory) \
		$(PY) -m config.embedded_postgres remove
	@[ ! -f .venv/.installed ] || $(PY) -m tests.memory | grep '^/dev/shm/' | xargs rm -rf
	@rm -rf .postgres backups logs staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean  ## clean, and delete .venv
	@rm -rf .venv
