@echo off
rem The Makefile's commands for Windows: make setup, make run, make demo, make test, make check, make bench, make clean.
setlocal
cd /d "%~dp0"
set PYRIGHT_PYTHON_IGNORE_WARNINGS=1
set BIN=.venv\Scripts
if "%1"=="clean" goto clean
if "%1"=="setup" goto setup
if "%1"=="run" goto setup
if "%1"=="demo" goto setup
if "%1"=="test" goto setup
if "%1"=="check" goto setup
if "%1"=="bench" goto setup
echo make run    set up, then start the studio on this machine and say its address; Ctrl-C ends it
echo make demo   set up, then train the mascot on the starter model; look at demo\
echo make test   set up, then run every test
echo make check  set up, then ruff, pyright, import-linter and the architecture tests
echo make bench  set up, then measure; make setup: only set up; make clean: remove what was made, and .venv
exit /b 0

:setup
where py >nul 2>nul
if not errorlevel 1 (py -3 tools\set_up.py) else (python tools\set_up.py)
if errorlevel 1 exit /b 1
goto %1_

:setup_
exit /b 0

:run_
%BIN%\enogu studio
exit /b %errorlevel%

:demo_
%BIN%\enogu run-demo --out demo
exit /b %errorlevel%

:test_
%BIN%\python -m pytest -n 2 --dist loadfile tests\architecture tests\unit || exit /b 1
%BIN%\python -m pytest tests\integration tests\browser
exit /b %errorlevel%

:check_
%BIN%\ruff check || exit /b 1
%BIN%\ruff format --check || exit /b 1
%BIN%\pyright || exit /b 1
%BIN%\lint-imports || exit /b 1
%BIN%\python tools\check_web.py || exit /b 1
%BIN%\python -m pytest tests\architecture
exit /b %errorlevel%

:bench_
%BIN%\python benchmarks\step.py || exit /b 1
%BIN%\python benchmarks\studio.py || exit /b 1
%BIN%\python benchmarks\web.py
exit /b %errorlevel%

:clean
for %%d in (.venv web\node_modules src\enogu\web_app demo out dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache) do if exist %%d rmdir /s /q %%d
exit /b 0
