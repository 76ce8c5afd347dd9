@echo off
rem The Makefile's commands for Windows: make setup, make run, make demo, make test, make check, make bench, make clean.
rem "set PYTHON=C:\path\to\python.exe" before it names the Python to use; else the newest that is installed is taken.
setlocal
cd /d "%~dp0"
set PYRIGHT_PYTHON_IGNORE_WARNINGS=1
set BIN=.venv\Scripts
if "%~1"=="" goto help
if "%~1"=="help" goto help
if "%~1"=="clean" goto clean
if "%~1"=="setup" goto setup
if "%~1"=="run" goto setup
if "%~1"=="demo" goto setup
if "%~1"=="test" goto setup
if "%~1"=="check" goto setup
if "%~1"=="bench" goto setup
echo There is no command %1. 1>&2
call :say_help
exit /b 2

:help
call :say_help
exit /b 0

:say_help
echo make run    set up, then start the studio on this machine and say its address; Ctrl-C ends it
echo make demo   set up, then train the mascot on the starter model; look at demo\ (minutes, no GPU, no network)
echo make test   set up, then run every test
echo make check  set up, then ruff, pyright, import-linter, the web app's checks and the architecture tests
echo make bench  set up, then measure; make setup: only set up; make clean: remove what was made, and .venv
exit /b 0

:setup
if defined PYTHON goto setup_named
where py >nul 2>nul
if errorlevel 1 goto setup_python
py -3 tools\set_up.py
goto set_up_done

:setup_python
where python >nul 2>nul
if errorlevel 1 goto no_python
python tools\set_up.py
goto set_up_done

:setup_named
"%PYTHON%" tools\set_up.py

:set_up_done
if errorlevel 1 exit /b 1
goto do_%~1

:no_python
echo Enogu needs Python 3.11 or newer, and none was found on PATH. Install it from python.org or the Microsoft Store. 1>&2
exit /b 2

:do_setup
exit /b 0

:do_run
%BIN%\enogu studio
exit /b %errorlevel%

:do_demo
%BIN%\enogu run-demo --out demo
exit /b %errorlevel%

:do_test
%BIN%\python -m pytest -n 2 --dist loadfile %PYTEST_FLAGS% tests\architecture tests\unit || exit /b 1
%BIN%\python -m pytest -n 2 --dist loadfile %PYTEST_FLAGS% tests\integration || exit /b 1
%BIN%\python -m pytest -n 2 --dist loadfile %PYTEST_FLAGS% tests\browser || exit /b 1
exit /b 0

:do_check
%BIN%\ruff check || exit /b 1
%BIN%\ruff format --check || exit /b 1
%BIN%\pyright || exit /b 1
%BIN%\lint-imports || exit /b 1
%BIN%\python tools\check_web.py || exit /b 1
%BIN%\python -m pytest tests\architecture || exit /b 1
exit /b 0

:do_bench
%BIN%\python benchmarks\step.py || exit /b 1
%BIN%\python benchmarks\studio.py || exit /b 1
%BIN%\python benchmarks\web.py || exit /b 1
exit /b 0

:clean
for %%d in (.venv web\node_modules src\enogu\web_app demo out dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache) do if exist %%d rmdir /s /q %%d
exit /b 0
