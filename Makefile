# Every task of this project, by name. `make help` lists them.

# Set these on make's command line; environment variables of the same names are not read.
PYTHON  = python3
VENV    = .venv
PROFILE =
DATA    =
RESULTS =
OUT     = report/build
JOBS    = 2
VERBOSE =
URL     =

# A path may contain any character: recipes get these values unchanged in their environment, and
# neither make nor a shell interprets them.
GIVEN := PROFILE DATA RESULTS OUT JOBS VERBOSE URL
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

CORPUS := $${PROFILE:+--profile "$$PROFILE"} --data "$$DATA"
BIN := $(VENV)/bin
ENV := $(VENV)/.complete
# The tests compile much and compute little: without optimisation, XLA compiles in a third of the
# time.
QUICK := XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true \
    --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
# Without nbval, which every process would load for a second.
UNIT := $(BIN)/python -m pytest -p no:nbval -n 2 --dist loadfile --no-loadscope-reorder
AUDIT := $(BIN)/pip-audit --requirement requirements.lock --disable-pip --no-deps --strict \
    --progress-spinner off --timeout 5

.DEFAULT_GOAL := help
.PHONY: help env report publish site data test test-reliability test-colab test-browser lint \
    notebooks lab benchmark address citation lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make report PROFILE=laptop DATA=path/to/genres OUT=path/to/folder JOBS=4"
	@echo "  make report RESULTS=report/published/gtzan_four"

env: $(ENV)  ## build .venv from requirements.lock (once)

$(ENV): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); \
	sys.exit(None if ok else f"Python 3.11 to 3.13 is needed, but this is {sys.version.split()[0]}: make PYTHON=python3.12 ...")'
	@echo "$(VENV): installing the packages in requirements.lock (about 3 GB, two minutes)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

report: $(ENV)  ## run the notebooks and bind report.html and report.pdf
	@$(BIN)/python -m genre_lib report $(CORPUS) --results "$$RESULTS" --out "$$OUT" \
	    $${JOBS:+--jobs "$$JOBS"} $${VERBOSE:+--verbose}

publish: $(ENV)  ## copy the results of a report, without audio, into the folder RESULTS
	@test -n "$$RESULTS" || { echo "make publish needs a folder for the results: RESULTS=path/to/folder" >&2; exit 2; }
	@$(BIN)/python -m genre_lib publish $(CORPUS) --out "$$RESULTS"

site: $(ENV)  ## render report/published as a static site for any web host, in OUT/site
	@$(BIN)/python -m genre_lib site $${RESULTS:+--results "$$RESULTS"} --out "$$OUT/site"

data: $(ENV)  ## download GTZAN into the folder DATA
	@test -n "$$DATA" || { echo "make data needs a folder for GTZAN: DATA=path/to/folder" >&2; exit 2; }
	@$(BIN)/python -m genre_lib data fetch -- "$$DATA"

test: lint  ## run lint, the unit tests on TensorFlow and partly on JAX, and every notebook
	$(QUICK) $(UNIT) tests --ignore=tests/benchmarks --ignore=tests/browser
	$(QUICK) KERAS_BACKEND=jax $(UNIT) tests/network tests/experiment/test_checkpoints.py \
	    -m "not tensorflow" -k "not memory and not allocation"
	@# Each cell is compared with its stored output, except for tagged cells, whose output depends
	@# on the profile or on time.
	JUPYTER_PATH= GENRE_PROFILE=smoke TQDM_DISABLE=1 \
	    $(BIN)/python -m pytest --nbval --nbval-cell-timeout=600 -p no:cacheprovider notebooks \
	    -n 2 --dist loadfile

test-reliability: $(ENV)  ## test 20 kills at random moments, little memory, and one core
	KILLS=20 $(BIN)/python -m pytest tests/robustness/test_kills.py tests/benchmarks/test_small_machines.py -s

test-colab: $(ENV)  ## run every notebook twice with Colab's versions for PYTHON=python3.12 or 3.13
	COLAB=$(PYTHON) $(BIN)/python -m pytest tests/colab -s

test-browser: $(ENV)  ## test JupyterLab and a report in Chromium; pictures in report/build/browser
	$(BIN)/python -m pytest tests/browser -v

lint: $(ENV)  ## check style, imports, and known vulnerabilities of the locked versions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@# A warning, not a failure: a vulnerability found tomorrow must not break what passes today.
	@if found=$$($(AUDIT) 2>/dev/null); then echo "pip-audit: no known vulnerability"; \
	elif [ -n "$$found" ]; then echo "pip-audit, a warning: $$found"; \
	else echo "pip-audit: skipped, because it is not installed or the network did not answer"; fi

notebooks: $(ENV)  ## update and run the .ipynb files after editing a notebooks/*.py
	$(BIN)/jupytext --sync notebooks/*.py
	JUPYTER_PATH= TQDM_DISABLE=1 $(BIN)/jupyter nbconvert --to notebook --execute --inplace notebooks/*.ipynb
	@# Output on stderr concerns this machine alone, and players hold audio: neither is committed.
	$(BIN)/python -c 'import nbformat, sys; \
	[(nb := nbformat.read(path, 4), \
	  [cell.update(outputs=[o for o in cell.outputs \
	    if o.get("name") != "stderr" and "<audio" not in str(o)]) \
	   for cell in nb.cells if cell.cell_type == "code"], \
	  nbformat.write(nb, path)) for path in sys.argv[1:]]' notebooks/*.ipynb

lab: $(ENV)  ## open JupyterLab
	$(BIN)/jupyter lab notebooks

benchmark: $(ENV)  ## measure the speed
	$(BIN)/python -m pytest tests/benchmarks -s
	$(BIN)/python -m tests.benchmarks.speed

address:  ## write the address of the repository, URL or that of origin, into the notebooks
	@$(PYTHON) -m tests.colab.address "$$URL"

citation: $(ENV)  ## update codemeta.json after editing CITATION.cff
	$(BIN)/python -m tests.citation

lock:  ## update requirements.lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --quiet --extra dev --extra lab --universal \
	    --python-version 3.11 --no-annotate --custom-compile-command "make lock" --upgrade \
	    --output-file requirements.lock
	rm -r .venv-lock

clean:  ## remove what can be made again (neither data/ nor runs/)
	rm -rf report/build cache .pytest_cache .ruff_cache .import_linter_cache
