"""A base model is loaded from a diffusers folder as Enogu is installed: without accelerate and peft."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_without_accelerate_loading_gives_no_advice_to_install_it(tiny_base_folder: Path) -> None:
    code = f"""
import sys
sys.modules["accelerate"] = sys.modules["peft"] = None
from pathlib import Path
from enogu.engine.families import load_base_model
from enogu.engine.memory import choose_compute
load_base_model(Path({str(tiny_base_folder)!r}), choose_compute("none", "cpu"))
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("", "")
