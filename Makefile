# make demo    the main job, from digits to a bundle that names them; needs nothing but Python 3.11 or newer
# make test    the whole test suite with coverage; ARGS are handed to pytest: make test ARGS="tests/core --no-cov -n 0"
# make check   style, types, floors and lengths, documentation complete
# make bench   the speed that docs/benchmarks.md speaks of
# All set up .venv first. To choose the Python: make clean, then make PYTHON=python3.12 test

VENV := .venv
BIN := $(VENV)/bin
APP := $(VENV)/.app-installed
TOOLS := $(VENV)/.tools-installed
PYTHON ?=

.PHONY: demo test check format bench clean

demo: $(APP)
	@$(BIN)/earmark demo

test: $(TOOLS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal --cov --cov-fail-under=85 $(ARGS)

check: $(TOOLS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/house tests/docs/test_complete.py

format: $(TOOLS)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(TOOLS)
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks

$(TOOLS): $(APP)
	@echo 'Installing every extra (torch among them) and the tools that test earmark into $(VENV)'
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

$(APP): pyproject.toml | $(BIN)/python
	@echo 'Installing earmark into $(VENV): some 500 MB, a minute or more, only when pyproject.toml changes'
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[av,demo]'
	@touch $@

# A name on the PATH may be a shim that does not run, so each candidate is asked for its version.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
	      lacking="$$lacking $$python"; continue; \
	    fi; \
	    echo "Setting up $(VENV) with $$("$$python" --version)"; \
	    "$$python" -m venv --clear $(VENV) && exit 0; \
	    rm -rf $(VENV); exit 1; \
	  fi; \
	done; \
	if [ -n "$$lacking" ]; then \
	  echo "earmark:$$lacking cannot make a virtual environment (no ensurepip); on Debian or Ubuntu:" \
	    "apt install python3-venv; or choose another Python: make PYTHON=/path/to/python3.12" >&2; \
	else \
	  echo "earmark: no Python 3.11 or newer found$(if $(PYTHON), at $(PYTHON));" \
	    "install one (python.org, apt, brew) or say where it is: make PYTHON=/path/to/python3.12" >&2; \
	fi; exit 1

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
