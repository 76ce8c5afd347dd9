"""Try out a tagger that a stranger made, in a process of its own with limits: it is code as much as data.

The child opens the network, holds its shapes against the CSV and tags one grey picture. What it says comes back as
words; when it dies, grows too large or takes too long, that is what is said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from enogu.errors import WrongUse

MEMORY_MIB = 12 * 1024
CPU_SECONDS = 300
WALL_SECONDS = 600.0
_KEPT_ENVIRONMENT = ("PATH", "HOME", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
_CURE = "Take model.onnx and selected_tags.csv from one release of a WD14 tagger."


@dataclass(frozen=True)
class CheckedTagger:
    """What a tagger that works said of itself."""

    recommended_threshold: float
    num_tags: int


def check_tagger(folder: Path, *, wall_seconds: float = WALL_SECONDS) -> CheckedTagger:
    """Open and try the tagger in ``folder``. Raises WrongUse with the reason in words."""
    limits = json.dumps({"memory_mib": MEMORY_MIB, "cpu_seconds": CPU_SECONDS})
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    try:
        ended = subprocess.run(  # noqa: S603 (our own interpreter and module; the folder is one that we made)
            [sys.executable, "-P", "-m", "enogu.tagging.checking_child", str(folder), limits],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall_seconds,
            env=kept | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WrongUse(f"The tagger did not answer within {wall_seconds:g} seconds.", _CURE) from None
    try:
        said = json.loads(ended.stdout[-10_000:].decode())
        if "refused" in said:
            raise WrongUse(str(said["refused"])[:400], str(said["cure"])[:200])
        return CheckedTagger(float(said["recommended_threshold"]), int(said["num_tags"]))
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise WrongUse("The tagger ended the process that tried it out.", _CURE) from None
