# `make demo` and `make test` each do all the set-up themselves.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help setup demo test test-slow campaign lint docs screenshots chromium clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: $(READY)  ## make .venv with the pinned dependencies

# mmengine, mmcv-lite and mmpose come last and without their own dependency lists: those ask for opencv-python (a
# second cv2, which needs a screen's libraries), torchvision and chumpy (does not build any more); what they really
# import is in pyproject.toml.
$(READY): constraints.txt pyproject.toml
	@echo "Installing the pinned dependencies into $(VENV) (a few minutes, once) ..."
	@$(PYTHON) -c 'import sys; assert sys.version_info[:2] in ((3, 11), (3, 12)), f"Python 3.11 or 3.12 is needed, got {sys.version.split()[0]}; name it: make PYTHON=/path/to/python3.11"'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt --editable '.[extract,train,flow]'
	@$(PIP) install --constraint constraints.txt --no-deps mmengine mmcv-lite mmpose
	@touch $(READY)

# movement's own list asks for napari and video readers, which need a screen's libraries; its pose readers do not.
$(DEV): $(READY)
	@echo "Installing what tests and documentation take ..."
	@$(PIP) install --constraint constraints.txt --editable '.[all,dev]'
	@$(PIP) install --constraint constraints.txt --no-deps movement
	@touch $(DEV)

# The pages are tested in a real browser: any Chromium or Chrome that is there, else Debian's package where root asks.
chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || test -n "$$STAR_CHROMIUM" || { \
	  echo "Installing Chromium, for the tests of viewer and report ..."; \
	  { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || { echo "Chromium is needed to test the pages: apt install chromium, or STAR_CHROMIUM=/path/to/chrome"; exit 1; }; } >&2

demo: $(READY)  ## the embedded sample from JPEG frames to a report; what guidance gains on walkers behind occluders
	@$(BIN)/star demo .

test: $(DEV) chromium  ## all tests but the slow ones
	@$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-slow: $(DEV) chromium  ## the tests that take more than a minute
	@$(BIN)/python -m pytest -m slow

campaign: $(DEV)  ## kills, damaged inputs, full disks, scarce memory: half an hour, into docs/reliability.md
	@$(BIN)/python -m benchmarks.campaign
	@$(BIN)/python -m docs.reliability_page

lint: $(DEV)  ## ruff and mypy
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy

docs: $(DEV)  ## the documentation as a site: build/docs/index.html
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "Documentation: build/docs/index.html"

screenshots: $(DEV) chromium demo  ## the pictures of report and viewer in README and documentation
	@$(BIN)/python -m docs.screenshots

clean:  ## remove what the demo made
	rm -rf artifacts/sample artifacts/walkers artifacts/walkers-clean data/walkers data/walkers-clean
