# The whole interface of this repository; `make help` explains it.
# CI runs the same targets. Everything made here lies below build/ and .venv/.

SHELL    := /bin/bash
PREFIX   ?= /usr/local
DESTDIR  ?=
# Debian's own interpreter where there is one: its compiled modules are what the launchers will load.
PYTHON   ?= $(firstword $(wildcard /usr/bin/python3) python3)
SECONDS_PER_FUZZER ?= 30
SOAK_SECONDS ?= 300
KILLS    ?= 1000
POWER_CUTS ?= 300
MANY_ENTRIES ?= 1000000
VENV     := .venv
PY       := $(VENV)/bin/python
PROGRAMS := pypod pybuildah pyskopeo pypod-systemd
CODE     := shared/ocicore tools
export PYTHONPATH = $(CURDIR)/tools:$(CURDIR)/shared

.DEFAULT_GOAL := help
.PHONY: help demo deps build native conmon front launchers install uninstall lint format test test-here test-unit test-builds test-many test-system check bench fault-run fuzz soak man clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  variables: PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) PYTHON=$(PYTHON)"

demo: ## install what is missing, build, and do the main job before your eyes
	@dev/deps
	@$(MAKE) --no-print-directory build
	@dev/demo

deps: ## install the Debian packages that are missing (needs root or sudo; else names them)
	@dev/deps

$(VENV)/.runtime: pyproject.toml dev/requirements
	@test -x $(PY) && $(PY) -c '' 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(PY) -m pip install --quiet --disable-pip-version-check $$($(PYTHON) dev/requirements) 'setuptools>=77'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PY) -m pip install --quiet --disable-pip-version-check $$($(PYTHON) dev/requirements dev)
	@touch $@

native: $(VENV)/.runtime
	@$(PY) dev/build-native

conmon:
	@$(MAKE) --no-print-directory -C conmon

front:
	@$(MAKE) --no-print-directory -C tools/pypod_systemd/front

PLACES = --libexec build/libexec/pypod --path tools --path shared --path "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("platlib"))')"
launchers: $(VENV)/.runtime
	@$(PY) dev/launchers --bin build/bin $(PLACES)

build: native conmon front launchers ## build the programs into build/bin (and a virtual environment)
	@$(PYTHON) -m compileall -q $(CODE)
	@$(PY) dev/bundle $(PLACES)
	@echo "built: build/bin/{$$(echo $(PROGRAMS) | tr ' ' ,)} build/conmon/conmon"

install: build man ## install below PREFIX (programs, conmon, manual pages, completions, units)
	@dev/install "$(DESTDIR)" "$(PREFIX)"

uninstall: ## remove what install made
	@dev/install --remove "$(DESTDIR)" "$(PREFIX)"

fault-run: build $(VENV)/.dev ## copy a gigabyte whose connections are cut 500 times and whose process is killed 50 times
	FAULT_MEGABYTES=1000 FAULT_CUTS=500 FAULT_KILLS=50 $(VENV)/bin/pytest -q -s -o timeout=3000 tests/root/image/test_fault_run.py

man: $(VENV)/.runtime ## write the manual pages and completions into build/
	@dev/generate

format: $(VENV)/.dev ## format the Python code
	$(VENV)/bin/ruff format $(CODE) tests dev bench
	$(VENV)/bin/ruff check --fix $(CODE) tests bench

lint: $(VENV)/.dev ## style, types, import directions, C warnings as errors
	$(VENV)/bin/ruff check $(CODE) tests bench
	$(VENV)/bin/ruff format --check $(CODE) tests bench
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(MAKE) --no-print-directory -C conmon lint
	$(MAKE) --no-print-directory -C tools/pypod_systemd/front lint
	@$(PY) dev/build-native --check

test: ## run the tests (as root: all of them; as a user: unit and rootless)
	@dev/readable $(MAKE) --no-print-directory test-here

test-here: build $(VENV)/.dev
	$(VENV)/bin/pytest -q -n 2 --dist loadfile tests

test-unit: native front launchers $(VENV)/.dev ## only the tests that need neither root, network nor other programs
	$(VENV)/bin/pytest -q -n 2 tests/unit tests/property

test-builds: build $(VENV)/.dev ## all forty project Containerfiles and 500 made-up ones beside buildah (as root, ten minutes or more)
	PROJECTS=all GENERATED=500 $(VENV)/bin/pytest -q -n 2 tests/compat/build

test-many: build $(VENV)/.dev ## 100 containers at once, 500 in one store, ten minutes of kill -9 (as root)
	PYPOD_PARALLEL=100 PYPOD_MANY=500 PYPOD_KILL_SECONDS=600 $(VENV)/bin/pytest -q tests/root/engine/test_many.py

check: lint test ## lint and test

test-system: build ## boot a systemd root, install there from a clean clone, and test in it (needs root)
	dev/test-system

bench: build ## compare our speed with podman, buildah and skopeo on this machine
	@PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(PY) -m bench $(BENCH)

fuzz: native $(VENV)/.dev ## run every fuzzer for SECONDS_PER_FUZZER seconds (installs clang when it is missing)
	@dev/deps fuzz
	tests/fuzz/run $(SECONDS_PER_FUZZER)
	$(MAKE) --no-print-directory -C conmon fuzz SECONDS=$(SECONDS_PER_FUZZER)

soak: build $(VENV)/.dev ## the store's long tests: all of the interop matrix, SOAK_SECONDS of it at once, KILLS, POWER_CUTS, MANY_ENTRIES (an hour, root)
	SOAK=1 SOAK_SECONDS=$(SOAK_SECONDS) KILLS=$(KILLS) POWER_CUTS=$(POWER_CUTS) MANY_ENTRIES=$(MANY_ENTRIES) $(VENV)/bin/pytest -q \
		tests/compat/storage tests/rootless/storage tests/root/storage tests/unit/linux/test_many_entries.py

clean: ## remove what was built (keeps the virtual environment)
	rm -rf build dist *.egg-info shared/ocicore/native/*.so shared/ocicore/native/_native.c
	find $(CODE) tests -name __pycache__ -prune -exec rm -rf {} +
