# Everything that this project does, by name. `make help` lists it.

# Given on make's command line; variables of the same names in the environment are not read.
PYTHON  = python3
PROFILE =
DATA    =
RESULTS =
OUT     = report/build
JOBS    = 2
VERBOSE =

# A path may have any characters: recipes get these in their environment, as they were given, and
# neither make nor a shell reads what is in them.
GIVEN := PROFILE DATA RESULTS OUT JOBS VERBOSE
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN)

CORPUS := $${PROFILE:+--profile "$$PROFILE"} --data "$$DATA"
BIN := .venv/bin
ENV := .venv/.complete
AUDIT := $(BIN)/pip-audit --requirement requirements.lock --disable-pip --no-deps --strict \
    --progress-spinner off --timeout 5

.DEFAULT_GOAL := help
.PHONY: help env report publish data test test-reliability lint notebooks lab benchmark lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make report PROFILE=laptop DATA=path/to/genres OUT=path/to/folder JOBS=4"
	@echo "  make report RESULTS=report/published/gtzan_four"

env: $(ENV)  ## build .venv from requirements.lock (once)

$(ENV): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); \
	sys.exit(None if ok else f"Python 3.11 to 3.13 is needed, {sys.version.split()[0]} was found: make PYTHON=python3.12 ...")'
	@echo ".venv: installing what requirements.lock lists (about 3 GB, two minutes)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

report: $(ENV)  ## run the notebooks and bind report.html and report.pdf
	@$(BIN)/python -m genre_lib report $(CORPUS) --results "$$RESULTS" --out "$$OUT" \
	    $${JOBS:+--jobs "$$JOBS"} $${VERBOSE:+--verbose}

publish: $(ENV)  ## after a report: copy its results, without audio, into the folder RESULTS
	@test -n "$$RESULTS" || { echo "make publish RESULTS=path/to/folder: where are the results to go?" >&2; exit 2; }
	@$(BIN)/python -m genre_lib publish $(CORPUS) --out "$$RESULTS"

data: $(ENV)  ## download GTZAN into the folder DATA
	@test -n "$$DATA" || { echo "make data DATA=path/to/folder: where is GTZAN to go?" >&2; exit 2; }
	@$(BIN)/python -m genre_lib data fetch -- "$$DATA"

test: lint  ## lint, unit tests on TensorFlow and in part on JAX, every notebook
	@# The longest first, so that neither of the two processes waits at the end.
	$(BIN)/python -m pytest tests/robustness tests --ignore=tests/benchmarks -n 2 --dist loadfile
	KERAS_BACKEND=jax $(BIN)/python -m pytest tests/network tests/experiment/test_checkpoints.py \
	    -k "not memory" -n 2 --dist loadfile
	@# Each cell is compared with its stored output, but for those that another profile, or the
	@# time that it takes, changes: they are tagged.
	JUPYTER_PATH= GENRE_PROFILE=smoke TQDM_DISABLE=1 \
	    $(BIN)/python -m pytest --nbval --nbval-cell-timeout=600 -p no:cacheprovider notebooks

test-reliability: $(ENV)  ## 20 kills at random moments; little memory, one core
	KILLS=20 $(BIN)/python -m pytest tests/robustness/test_kills.py tests/benchmarks/test_small_machines.py -s

lint: $(ENV)  ## ruff, who imports whom, and known vulnerabilities of the locked versions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@# A warning and no failure: what becomes known tomorrow must not break what passed today.
	@if found=$$($(AUDIT) 2>/dev/null); then echo "pip-audit: no known vulnerability"; \
	elif [ -n "$$found" ]; then echo "pip-audit, a warning: $$found"; \
	else echo "pip-audit: skipped, it is not installed or got no answer from the network"; fi

notebooks: $(ENV)  ## after editing a notebooks/*.py: bring the .ipynb in step and run them
	$(BIN)/jupytext --sync notebooks/*.py
	JUPYTER_PATH= TQDM_DISABLE=1 $(BIN)/jupyter nbconvert --to notebook --execute --inplace notebooks/*.ipynb
	@# What libraries log to stderr is of this machine, and players hold audio: neither is committed.
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

lock:  ## renew requirements.lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 \
	    --no-annotate --custom-compile-command "make lock" --upgrade --output-file requirements.lock
	rm -r .venv-lock

clean:  ## remove what can be made again (not data/ and runs/)
	rm -rf report/build cache .pytest_cache .ruff_cache .import_linter_cache
