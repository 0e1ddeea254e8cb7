# The whole book: make all. What else there is: make help.
#
# Only relative paths below, so that the checkout may lie in a folder with spaces,
# and nothing newer than GNU Make 3.81.

PROFILE ?= quick
PYTHON  ?= python3
JOBS    ?= 2
N       ?= 3
SEED    ?= 0
ARCHIVE ?=

MAKEFLAGS += --no-builtin-rules
ifdef SCHEDULER
export EQUIVAR_SCHEDULER := $(SCHEDULER) # of dask, or local:N; see book/scale.md
endif
.SUFFIXES:
.DEFAULT_GOAL := help

PY       := .venv/bin/python
READY    := .venv/.ready
CORES    := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
ABREAST   = $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=$(JOBS))
SHARE     = $(shell [ $(CORES) -gt $(JOBS) ] && expr $(CORES) / $(JOBS) || echo 1)
SHARED    = OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$(SHARE)}
BUILD    := _build/$(PROFILE)
HTML     := $(BUILD)/html/index.html

BOOKS    := $(if $(filter file,$(origin PROFILE)),standard quick,$(PROFILE))
PROFILES := $(sort $(patsubst notebooks/profiles/%.yaml,%,$(wildcard notebooks/profiles/*.yaml)))
SOURCES  := $(sort $(wildcard notebooks/*.ipynb))
CHAPTERS := $(SOURCES:.ipynb=)
EXECUTED := $(SOURCES:%=$(BUILD)/%)
RESULTS  := $(wildcard data/results/$(PROFILE)/*/*/manifest.json data/results/$(PROFILE)/*/pictures.png)
MODULES  := $(wildcard equivar/*.py equivar/*/*.py equivar/*/*/*.py)
BOOK     := $(wildcard book/*.* book/_static/* book/_static/*/* book/_ext/*.py tools/*.py data/results/*/*)
BENCHES  := $(sort $(wildcard benchmarks/*.py))

ifneq ($(words $(PROFILE)) $(filter $(PROFILES),$(PROFILE)),1 $(PROFILE))
$(error $(shell "$(PYTHON)" -m equivar.names profile "$(PROFILE)" $(PROFILES)))
endif

.PHONY: help all setup run book pdf data archive verify results claims test check bench lock clean $(CHAPTERS)

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo "  make notebooks/NN-name   one chapter only"
	@echo "  JOBS=$(JOBS)                   chapters at once, each on its share of the cores"
	@echo "  PROFILE=name             other parameters: $(PROFILES) (now: $(PROFILE))"

# Both books: of what runs on this machine, and of the committed results; one, where it is named.
all: ## from nothing to the books: environment, chapters, pages
	@failed=; for profile in $(BOOKS); do \
		$(MAKE) --no-print-directory book PROFILE=$$profile || failed=1; \
	done; \
	for profile in $(BOOKS); do echo "$$profile: open file://$(subst $() ,%20,$(CURDIR))/_build/$$profile/html/index.html"; done; \
	[ -z "$$failed" ]

setup: $(READY) ## the environment in .venv, at the versions of requirements.lock

run: $(EXECUTED) ## the chapters of which something changed

# Printed by Chromium or Chrome, which CHROME=/path names where it is not found.
pdf: $(EXECUTED) | $(READY) ## the whole book as _build/PROFILE/book.pdf
	@$(PY) tools/make_pdf.py --profile $(PROFILE)

data: $(READY) ## what the profile reads, fetched and verified; ARCHIVE=path takes it from there
	@$(PY) tools/get_data.py --profile $(PROFILE) --archive "$(ARCHIVE)"

archive: $(READY) ## what can not be fetched, the runs and the tables of PROFILE as one tar
	@$(PY) tools/archive.py --profile $(PROFILE)

verify: $(READY) ## N committed runs, drawn by SEED, made anew and compared
	@$(PY) tools/verify.py --profile $(PROFILE) --runs $(N) --seed $(SEED)

results: $(READY) ## tables of finished training runs, into data/results/PROFILE to be committed
	@$(PY) tools/sweep.py --profile $(PROFILE) --publish

# Where runs or data are missing, the other chapters are judged; committed verdicts never get lost.
claims: $(READY) ## the verdicts of PROFILE, to be committed, and the table of README.md
	@$(SHARED) $(MAKE) --keep-going $(ABREAST) run || true
	@$(PY) tools/ledger.py --profile $(PROFILE)

test: $(READY) ## the tests
	@$(PY) -m pytest

check: $(READY) ## style of code and notebooks, and that notebooks hold no outputs
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(if $(SOURCES),$(PY) -m nbstripout --keep-id --verify $(SOURCES))

bench: $(READY) ## the benchmarks, one after the other
	@$(foreach bench,$(BENCHES),$(PY) $(bench) &&) true

lock: $(READY) ## requirements.lock anew from pyproject.toml
	@$(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --no-header --quiet -o requirements.lock

clean: ## remove what was built (the environment stays)
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

$(CHAPTERS): %: $(BUILD)/%.ipynb

# The environment itself is an order-only prerequisite: made anew from the same lock,
# it gives the same results. The programs write a temporary file and rename it.
$(READY): requirements.lock pyproject.toml tools/setup_env.py
	@"$(PYTHON)" tools/setup_env.py

$(EXECUTED): $(BUILD)/%.ipynb: %.ipynb notebooks/profiles/$(PROFILE).yaml $(MODULES) \
		$(RESULTS) requirements.lock | $(READY)
	@$(PY) tools/run_notebook.py $< --profile $(PROFILE)

# It draws maps of a network of the live page.
$(BUILD)/notebooks/01-toy-gaussian-cnns.ipynb: $(wildcard book/_static/live/weights.js)

# Chapters side by side use the cores better than one after the other, if each has its own.
# Where a chapter fails, the others are still made into a book, and make fails.
book: ## the pages, in _build/PROFILE/html
	@$(SHARED) $(MAKE) --keep-going $(ABREAST) $(HTML) || { [ -x $(PY) ] && $(PY) tools/build_book.py --profile $(PROFILE); false; }
	@echo "open file://$(subst $() ,%20,$(CURDIR))/$(HTML)"

$(HTML): $(EXECUTED) $(MODULES) $(BOOK) | $(READY)
	@$(PY) tools/build_book.py --profile $(PROFILE)
