# Everything starts here: `make demo` and `make test` set themselves up on a fresh machine.
# make demo | test | test-slow | test-all | check | docs | setup | clean

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := demo
.PHONY: setup demo test test-slow test-all check docs clean

BIN := .venv/bin
INSTALLED := .venv/.installed

SHARED := --numprocesses auto --maxprocesses 4 --dist worksteal
COMPUTING := tests/bench tests/cameras tests/datasets tests/decision tests/fuzz tests/inference tests/model tests/records \
  tests/tracking tests/training \
  $(wildcard $(addprefix tests/commands/test_,train.py retrain_command.py benchmark_accuracy.py bench_words.py \
  train_settings.py config_check.py forge.py models.py)) \
  $(wildcard $(addprefix tests/test_,config.py cpu_quota.py docs.py errors.py heap.py images.py line_file.py messages.py readme.py ring.py))
WAITING := tests/actuators tests/alarms tests/encoders tests/overlay tests/simulation tests/systemd tests/workers \
  tests/line/test_bin_line.py tests/line/test_tracking_line.py \
  $(wildcard $(addprefix tests/commands/test_,demo.py train_interrupted.py)) \
  $(wildcard $(addprefix tests/chaos/test_,chaos_command.py faults.py judge.py wire.py)) \
  $(wildcard $(addprefix tests/test_,bus.py capture.py core_plan.py decision.py file_lock.py inference.py makefile.py \
  runtime.py streams.py supervisor.py trainer.py))

setup: $(INSTALLED)

demo: setup
	$(BIN)/line-inspector demo $(ARGS)

# Tests that only compute share the cores, one thread each; those of a station or two, or of a line that no time is measured
# of, wait most of the time and run in threes; those of other whole lines want the machine to themselves.
define run-all
passed=true
OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(1) $(SHARED) $(COMPUTING) || passed=false
OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(1) --numprocesses 3 --dist worksteal $(WAITING) || passed=false
$(BIN)/python -m pytest $(1) $(COMPUTING:%=--ignore=%) $(WAITING:%=--ignore=%) || passed=false
$$passed
endef
run-tests = $(if $(ARGS),$(BIN)/python -m pytest $(1) $(ARGS),$(call run-all,$(1)))

test: setup
	$(call run-tests,-m "not slow")

test-slow: setup
	$(call run-tests,-m slow)

test-all: setup
	$(call run-tests)

check: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/line-inspector config docs > .venv/config.md
	mv .venv/config.md docs/config.md
	$(BIN)/line-inspector config streams > .venv/streams.md
	mv .venv/streams.md docs/streams.md
	$(BIN)/line-inspector config plc > .venv/plc.md
	mv .venv/plc.md docs/plc.md
	$(BIN)/line-inspector config alarms > .venv/alarms.md
	mv .venv/alarms.md docs/alarms.md

# Takes away what was installed and cached, not what a line has recorded in run/.
clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@fail() { printf 'make setup: %s\n' "$$1" >&2; exit 1; }
	python=
	for candidate in python3.12 python3.11 python3; do  # a pyenv shim may be there and not run
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$candidate; break; fi
	done
	[ -n "$$python" ] || fail "Python 3.11 or newer is needed and none was found. On Debian or Ubuntu: apt-get install python3 python3-venv"
	$$python -c 'import ensurepip, venv' 2>/dev/null \
	  || fail "$$python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"
	[ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null || $$python -m venv --clear .venv
	echo "installing into .venv with $$($(BIN)/python --version); the first time this downloads some 3 GB, most of it torch"
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --editable ".[dev]" \
	  || fail "pip could not install the packages; its reason stands above. Without internet: README.md, 'Without internet'"
	$(BIN)/python -c 'import cv2, torch, zmq' \
	  || fail "a library of the system is missing, named above. On Debian or Ubuntu: apt-get install libgl1 libglib2.0-0 libgomp1"
	touch $@
