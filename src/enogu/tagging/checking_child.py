"""The process in which a stranger's tagger is tried out; see ``checking``. Answers one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from enogu.errors import EnoguError
from enogu.tagging.wd14 import Wd14Tagger


def main(folder: str, limits_json: str) -> None:
    """Try the tagger in ``folder`` within ``limits_json``."""
    _limit(json.loads(limits_json))
    try:
        tagger = Wd14Tagger(Path(folder), num_threads=1, batch_size=1)
        tagger.tag([Image.new("RGB", (64, 64), "grey")])
        said: dict[str, object] = {
            "recommended_threshold": tagger.recommended_threshold,
            "num_tags": len(tagger.vocabulary),
        }
    except EnoguError as error:
        said = {"refused": error.message.replace(f"{folder}/", ""), "cure": error.cure}
    except MemoryError:
        said = {"refused": "The tagger needs more memory than it may have.", "cure": "Take a smaller one."}
    sys.stdout.write(json.dumps(said))


def _limit(limits: dict[str, int]) -> None:
    """Memory and computing, where the system can; Windows has neither, and the parent's clock."""
    try:
        import resource
    except ImportError:
        return
    size = limits["memory_mib"] * 2**20
    seconds = limits["cpu_seconds"]
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
