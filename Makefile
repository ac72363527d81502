# ftpsd: `make run` serves a demonstration, `make test` runs every check. Both set up what they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
NATIVE := $(wildcard src/ftpsd/native/*.pyx src/ftpsd/native/*.pxd src/ftpsd/native/*.pxi src/ftpsd/native/*.h)
BUILD  := pyproject.toml setup.py $(NATIVE)
PARSERS := tests/config tests/settings tests/ftp tests/log

.DEFAULT_GOAL := help
.PHONY: help run test lint fmt docs fuzz stress bench clean

help:
	@echo "make run    serve a throw-away directory over TLS and say how to connect"
	@echo "make test   lint, types, tests (as root: again as an ordinary user)"
	@echo "make lint   ruff and mypy      make fmt    let ruff mend what it can"
	@echo "make docs   write the generated pages of docs/ again"
	@echo "make fuzz   search longer for inputs that break the parsers"
	@echo "make stress hammer the shared TLS session cache while its users are killed"
	@echo "make bench  compare with other servers from packages (BENCH=--quick: six minutes)"
	@echo "make clean  remove everything that was built"

run: $(VENV)/.stamp-run
	$(BIN)/ftpsd demo

test: $(VENV)/.stamp-test $(VENV)/.stamp-clients
	.ci/check $(BIN)

lint: $(VENV)/.stamp-test
	$(BIN)/ruff check .
	$(BIN)/mypy

fmt: $(VENV)/.stamp-test
	$(BIN)/ruff check --fix .

docs: $(VENV)/.stamp-test
	mkdir -p docs/reference
	$(BIN)/python -m ftpsd.settings.reference > docs/reference/directives.md
	$(BIN)/python -m ftpsd.ftp.reference docs/reference/commands.md
	$(BIN)/python -m ftpsd.reasons.reference > docs/reference/reasons.md
	$(BIN)/python -m ftpsd.reasons.troubleshooting > docs/troubleshooting.md
	$(BIN)/python -m tests.test_architecture

fuzz: $(VENV)/.stamp-test
	$(BIN)/python -m pytest -q -n 2 --timeout=0 -p tests.long_search $(PARSERS)

stress: $(VENV)/.stamp-test
	FTPSD_STRESS_OPERATIONS=2000000 $(BIN)/python -m pytest -q -s tests/tls/cache/test_stress.py

bench: $(VENV)/.stamp-test $(VENV)/.stamp-clients
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python bench/run.py $(BENCH)

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -f src/ftpsd/native/*.so src/ftpsd/native/*.c
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the set-up, each step once ------------------------------------------------------------------------

$(VENV)/.stamp-venv:
	PYTHON=$(PYTHON) .ci/packages build
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.stamp-run: $(VENV)/.stamp-venv $(BUILD)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-venv $(BUILD)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(VENV)/.stamp-run

# Programs that the tests drive. What cannot be installed is said, and its tests are skipped with the reason.
$(VENV)/.stamp-clients: .ci/packages $(VENV)/.stamp-venv
	.ci/packages clients
	@if command -v npm >/dev/null; then \
	  npm install --silent --no-package-lock --no-audit --no-fund --prefix tests/clients/node \
	  || echo "basic-ftp could not be installed: its tests will be skipped"; \
	fi
	touch $@
