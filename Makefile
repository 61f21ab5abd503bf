# Two commands are all a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
DRILL_PYTHON ?= /usr/bin/python3

.PHONY: demo test test-s3-full bench chaos rude fuzz drill-patroni lint lock golden clean

demo: $(VENV)/.installed  ## start the service, tell its story over HTTP, keep serving (ONCE=1 exits; DATA=DIR)
	@$(BIN)/asset-ledger demo $(if $(ONCE),--once) $(if $(DATA),--data "$(DATA)")

test: $(VENV)/.installed  ## the whole suite on an embedded PostgreSQL
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-s3-full: $(VENV)/.installed  ## the tests of content on Ceph (Debian's packages, which root installs if missing)
	@missing=; for program in ceph-mon ceph-osd radosgw; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	  if [ -z "$$missing" ]; then exit 0; fi; \
	  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "Install$$missing first, or run this as root on Debian."; exit 1; fi; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing
	ASSET_LEDGER_TEST_S3=ceph $(BIN)/python -m pytest tests/infra/content tests/http/content tests/application/content \
	  tests/cli/test_stopping_while_busy.py $(ARGS)

bench: $(VENV)/.bench  ## measure against peers (SCALE=short|long, ROWS="append.* rebuild"; AGAINST=COMMIT: an older build)
	@$(BIN)/python -m benchmarks$(if $(AGAINST),.comparison)

chaos: $(VENV)/.installed  ## the crash test (EVENTS=10000000 SEED=1 ROUNDS=30), on a PostgreSQL of its own
	$(BIN)/python -m tests.chaos $(if $(EVENTS),--events $(EVENTS)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PROJECTIONS),--projections $(PROJECTIONS))

rude: $(VENV)/.installed  ## callers that leave, stall and lie, for MINUTES=20: memory, threads and descriptors must stay flat
	$(BIN)/python -m tests.rude $(if $(MINUTES),--minutes $(MINUTES))

fuzz: $(VENV)/.installed  ## random requests from the API's description, with all of Schemathesis' checks (CASES=20000 SEED=1)
	$(BIN)/python -m tests.fuzz $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED))

drill-patroni: $(VENV)/.installed $(VENV)-patroni/.installed  ## lose the leader of a Patroni cluster under writers (needs etcd)
	@command -v etcd >/dev/null || { \
	  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "Install etcd-server first, or run this as root on Debian."; exit 1; fi; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends etcd-server; }
	$(BIN)/python -m tests.infra.failover.patroni $(abspath $(VENV)-patroni/bin/patroni)

# A Python of its own: Patroni's servers' user must be able to run it, and its client of etcd has no wheel.
$(VENV)-patroni/.installed: requirements-drill.lock
	@$(DRILL_PYTHON) -m venv $(VENV)-patroni
	@$(VENV)-patroni/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-drill.lock
	@touch $@

lint: $(VENV)/.installed  ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lock:  ## resolve the lock files anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --output-file requirements.lock
	uv pip compile --group bench --constraint requirements.lock --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --output-file requirements-bench.lock
	uv pip compile --group drill --universal --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --output-file requirements-drill.lock

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: set PYTHON=python3.x")'
	@echo 'Installing into $(VENV), once; this takes about half a minute.'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(VENV)/.bench: $(VENV)/.installed requirements-bench.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-patroni

golden: $(VENV)/.installed  ## add the stored bytes to new golden files; never changes those that have them
	$(BIN)/python -m tests.golden.vectors
