"""The wheel's build: it bundles the screens (callbridge/web) with node and npm, so that an installation needs neither.

Without node the wheel is built without screens and says so; everything else is the same.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

WEB = Path(__file__).parent / "callbridge" / "web"


class BuildWithScreens(build_py):
    def run(self) -> None:
        if not self.editable_mode:  # a checkout has `make setup`
            self._build_screens()
        super().run()

    def _build_screens(self) -> None:
        if shutil.which("node") is None or shutil.which("npm") is None:
            built = (WEB / "dist" / "index.html").is_file()
            what = "as they were built before" if built else "left out: install node and npm to have them"
            self.warn(f"no node here: the screens are {what}")
            return
        for command in (["npm", "ci", "--ignore-scripts", "--no-progress"], ["node", "build.mjs"]):
            subprocess.run(command, cwd=WEB, check=True)


setup(cmdclass={"build_py": BuildWithScreens})
