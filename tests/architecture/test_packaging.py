"""What a person gets who installs Enogu: pinned versions, and a wheel that holds the starter and not its workshop."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import ROOT, SRC, project_files

OWN_NAME = "enogu"
BUILD_TOOLS = ("hatchling", "editables")
NOT_SET_UP = ("cuda",)
"""Extras that set-up leaves out: only some machines can use them."""


def test_constraints_pin_everything_that_set_up_installs() -> None:
    """All that ``enogu[dev]`` needs, however indirectly. torch's own needs are left out: a GPU build has more."""
    pins = _pins()
    missing: list[str] = []
    other: list[str] = []
    for name in sorted(_needed()):
        version = metadata.version(name).split("+")[0]
        if name not in pins:
            missing.append(f"{name}=={version}")
        elif pins[name] != version:
            other.append(f"{name}: {pins[name]} pinned, {version} installed")
    assert not missing
    assert not other


def test_every_pin_lies_within_the_range_that_the_project_states() -> None:
    pins = _pins()
    stated = [requirement for requirement in _stated() if canonicalize_name(requirement.name) != OWN_NAME]
    assert not [str(one) for one in stated if not one.specifier.contains(pins[canonicalize_name(one.name)])]


def test_the_wheel_holds_the_package_the_starter_and_the_web_app(tmp_path: Path) -> None:
    """C7: the whole path runs with no download, so the shipped weights and pictures must come along."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not re.match(r"[^/]+\.dist-info/", name)}
    in_git = {path.relative_to(SRC.parent).as_posix() for path in project_files() if path.is_relative_to(SRC)}
    web_app = {name for name in held if name.startswith("enogu/web_app/")}
    assert held - web_app == in_git
    assert "enogu/web_app/index.html" in web_app
    assert any(name.startswith("enogu/web_app/assets/") for name in web_app)


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("#")[0].strip().split("==") for line in lines if line.split("#")[0].strip()]
    return {canonicalize_name(name): version for name, version in pairs}


def _stated() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    extras = {name: group for name, group in extras.items() if name not in NOT_SET_UP}
    return [
        Requirement(text) for text in [*project["dependencies"], *(text for group in extras.values() for text in group)]
    ]


def _needed() -> set[str]:
    """Canonical names of the distributions that the stated requirements reach in this environment."""
    waiting = [*_stated(), *(Requirement(tool) for tool in BUILD_TOOLS)]
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name == OWN_NAME:
            continue
        names.add(name)
        if name == "torch":
            continue
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for text in metadata.requires(name) or []:
                further = Requirement(text)
                if further.marker is None or further.marker.evaluate({"extra": extra}):
                    waiting.append(further)
    return names
