"""``enogu.engine.collector``, in a process of its own, since it sets what is the whole process's."""

from __future__ import annotations

import subprocess
import sys


def test_the_collector_looks_seldom_and_torch_has_not_been_imported_by_then() -> None:
    code = """
import gc, sys
before = gc.get_threshold()
from enogu.engine.collector import YOUNG_OBJECTS, collect_seldom
collect_seldom()
assert gc.isenabled() and gc.get_threshold() == (YOUNG_OBJECTS, *before[1:]), gc.get_threshold()
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
