"""The build of the wheel and of the source distribution: setuptools', after the screens (``web``) were bundled with node and npm,
so that an installation needs neither.

Without node there are no screens, and the build says so; everything else is the same. A source distribution holds the bundle in
place of its sources. pyproject.toml names this module; callbridge itself never imports it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

WEB = Path(__file__).parent / "web"


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    build_screens()
    return str(build_meta.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    build_screens()
    return str(build_meta.build_sdist(sdist_directory, config_settings))


def build_screens() -> None:
    """Bundle the screens, where their sources and the tools are. Raises CalledProcessError."""
    built = (WEB / "dist" / "index.html").is_file()
    if not (WEB / "build.mjs").is_file():
        if not built:
            _say("the screens are left out: this source distribution was made without them")
        return
    if shutil.which("node") is None or shutil.which("npm") is None:
        what = "as they were built before" if built else "left out: install node and npm to have them"
        _say(f"no node here: the screens are {what}")
        return
    for command in (["npm", "ci", "--ignore-scripts", "--no-progress"], ["node", "build.mjs"]):
        subprocess.run(command, cwd=WEB, check=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
