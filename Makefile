# Each line below is a command a person could type; make.bat is the same for Windows.
# `make setup` makes .venv from constraints.txt and does nothing when that is already done.

PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
PYTEST_FLAGS ?=
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help setup run demo test check bench clean

help:
	@echo "make run    set up, then start the studio on this machine and say its address; Ctrl-C ends it"
	@echo "make demo   set up, then train the mascot on the starter model; look at demo/ (minutes, no GPU, no network)"
	@echo "make test   set up, then run every test"
	@echo "make check  set up, then ruff, pyright, import-linter, the web app's checks and the architecture tests"
	@echo "make bench  set up, then measure; make setup: only set up; make clean: remove what was made, and .venv"

setup:
	@test -n "$(PYTHON)" || { echo "Enogu needs Python 3.11 or newer, and none was found on PATH." \
		"Install it (Debian, Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@"$(PYTHON)" tools/set_up.py

run: setup
	.venv/bin/enogu studio

demo: setup
	.venv/bin/enogu run-demo --out demo

# Two at a time: a file's tests stay in one process, which has folders, ports, databases and studios of its own.
# So do the browser's, which wait most of the time; two of them pass beside a third busy process on two cores (docs/log.md).
test: setup
	.venv/bin/python -m pytest -n 2 --dist loadfile $(PYTEST_FLAGS) tests/architecture tests/unit
	.venv/bin/python -m pytest -n 2 --dist loadfile $(PYTEST_FLAGS) tests/integration
	.venv/bin/python -m pytest -n 2 --dist loadfile $(PYTEST_FLAGS) tests/browser

check: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright
	.venv/bin/lint-imports
	.venv/bin/python tools/check_web.py
	.venv/bin/python -m pytest tests/architecture

bench: setup
	.venv/bin/python benchmarks/step.py
	.venv/bin/python benchmarks/studio.py
	.venv/bin/python benchmarks/web.py

clean:
	rm -rf .venv web/node_modules src/enogu/web_app demo out dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
