# Two commands are all the set-up there is: `make run` and `make test`.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000

.PHONY: FORCE help run demo stop test slow migrations walks attack schema faults readme tour screenshots browser freqtrade load bench lock security lint types imports format docs clean

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Made again where it cannot be used; another Python than its own only where one is named.
# Python cannot end in one line before it reads its first: until then Ctrl-C has to wait.
# After it the shell ends without a word, and make by the signal it got itself.
BLOCKED = $(shell env --block-signal=INT true 2>/dev/null && echo env --block-signal=INT)
INSTALL = trap 'exit 0' INT; "$(PYTHON)" -c "" >/dev/null 2>&1 || { \
  echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=python3.12 run" >&2; \
  exit 1; }; \
  $(BLOCKED) "$(PYTHON)" install.py $(if $(filter file,$(origin PYTHON)),,--exactly)

.venv/tests: FORCE
	@$(INSTALL) --tests

.venv/docs: docs/requirements.txt .venv/tests
	@echo "Installing what the documentation's site needs …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	@touch $@

FORCE:

run:  ## replay real prices, then serve the site at http://127.0.0.1:8000/
	@$(INSTALL) --port '$(PORT)' manage.py demo --serve '$(PORT)'

demo:  ## the same without serving: migrate, replay, print the report
	@$(INSTALL) manage.py demo

stop:  ## stop the embedded PostgreSQLs that nothing uses, such as the tests' one
	@test ! -x $(BIN)/python || $(BIN)/python -m mastertrade.database --stop

test: .venv/tests  ## the suite, on a real PostgreSQL, which runs on until 'make stop'
	@$(BIN)/python manage.py test -- $(ARGS)

slow: .venv/tests  ## the tests that take seconds: properties, whole matrices, the upgrade, servers
	@$(BIN)/python manage.py test --tag slow -- $(ARGS)

migrations: .venv/tests  ## the data that single migrations of released versions move
	@$(BIN)/python manage.py test --tag migrations -- $(ARGS)

walks: .venv/tests  ## solved challenges against 200,000 random walks each; 7 minutes
	@$(BIN)/python manage.py test --tag walks -- $(ARGS)

attack: .venv/tests  ## what one client can do to others; bounded, loopback
	@$(BIN)/python -m tests.attack $(ARGS)

schema: .venv/tests  ## the API against its own description, by schemathesis; 15 minutes at most
	@$(BIN)/python -m tests.described $(ARGS)

faults: .venv/tests  ## kill the web server and PostgreSQL at work; minutes
	@$(BIN)/python manage.py test --tag faults -- tests/faults --ignore tests/faults/test_faults.py
	@$(BIN)/python -m tests.faults $(ARGS)

readme: .venv/tests  ## every command of README.md and docs/, as it stands, in a fresh clone
	@$(BIN)/python -m tests.readme $(ARGS)

tour: .venv/tests  ## the pictures of README.md and docs/tour.md, from a fresh clone's demo
	@$(BIN)/python -m tests.readme --tour docs/images/tour $(ARGS)

screenshots: .venv/tests  ## every page at three widths in both themes, into var/screenshots
	@mkdir -p var/screenshots
	@MASTERTRADE_SCREENSHOTS=var/screenshots $(BIN)/python -m pytest -m browser tests/browser -k no_page_is_wider_than_its_screen $(ARGS)

browser: .venv/tests  ## open every page in Chromium, within its security policy
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

freqtrade: .venv/tests  ## freqtrade itself against a running server; installs it under var/
	@$(BIN)/python -m tests.freqtrade

load: .venv/tests  ## bots, pages and jobs together, until p95 rises; half an hour
	@$(BIN)/python -m bench.load $(ARGS)

bench: .venv/tests  ## every benchmark beside its floor
	@$(BIN)/python -m bench $(ARGS)

lock: .venv/tests  ## pin what requirements.txt needs, with hashes, anew
	@$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-options \
	  --output-file requirements.lock requirements.txt

security: .venv/tests  ## bandit: what is dangerous at sight
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive \
	  mastertrade goals strategies trades manage.py gunicorn.conf.py docs/integrations

lint: .venv/tests  ## ruff: mistakes and format; migrations and production settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@DJANGO_SETTINGS_MODULE=mastertrade.settings_test $(BIN)/python manage.py makemigrations --check --dry-run
	@env MASTERTRADE_HTTPS=1 MASTERTRADE_HOSTS=mastertrade.example \
	  MASTERTRADE_TRUSTED_PROXIES=127.0.0.1 \
	  MASTERTRADE_SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(50))') \
	  DATABASE_URL=postgresql://nobody@127.0.0.1:1/none \
	  $(BIN)/python manage.py check --deploy --fail-level WARNING

types: .venv/tests  ## mypy, strict
	@$(BIN)/mypy

imports: .venv/tests  ## import-linter: layers, and decisions without Django
	@$(BIN)/lint-imports

format: .venv/tests  ## put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: .venv/docs  ## the documentation as a site under var/docs; a broken link fails
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs var/docs
	@echo "Open var/docs/index.html"

clean:  ## remove what the tools left; keeps var/, where the data are
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage
