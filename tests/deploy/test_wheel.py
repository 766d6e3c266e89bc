"""What the build puts into a wheel and a source distribution of the screens: what was built, never the sources, and nothing
without node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.diagrams import ROOT

pytestmark = pytest.mark.slow


def build(source: Path, target: Path, path: str, hook: str = "build_wheel") -> str:
    """A hook of the build's as pip calls it, its result unpacked in ``target``; what it said."""
    made = target.parent / "made"
    code = f"from callbridge import build_backend; build_backend.{hook}({str(made)!r})"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(source)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=True)
    (archive,) = made.iterdir()
    if hook == "build_wheel":
        zipfile.ZipFile(archive).extractall(target)
    else:
        with tarfile.open(archive) as file:
            file.extractall(target, filter="data")
    return done.stdout + done.stderr


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkout in which no screens were built."""
    folder = tmp_path / "source"
    ignored = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
    shutil.copytree(ROOT / "callbridge", folder / "callbridge", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_without_node_there_are_no_screens_and_the_build_says_so(source: Path, tmp_path: Path) -> None:
    assert "the screens are left out: install node and npm" in build(source, tmp_path / "lib", str(tmp_path))
    assert (tmp_path / "lib" / "callbridge" / "__init__.py").is_file()
    assert not (tmp_path / "lib" / "callbridge" / "web").exists()


def test_without_node_screens_that_were_built_before_are_taken_without_their_sources(source: Path, tmp_path: Path) -> None:
    dist = source / "callbridge" / "web" / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("the page")
    (dist / "assets" / "main-ABCDEFGH.js").write_text("the script")
    assert "as they were built before" in build(source, tmp_path / "lib", str(tmp_path))
    web = tmp_path / "lib" / "callbridge" / "web"
    assert sorted(path.name for path in web.rglob("*") if path.is_file()) == ["index.html", "main-ABCDEFGH.js"]


def test_with_node_they_are_built_of_the_locked_packages(source: Path, tmp_path: Path) -> None:
    """npm and node are replaced by programs that note what they are asked to do, and where."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("npm", "node"):
        made = "mkdir -p dist && echo page > dist/index.html" if name == "node" else ""
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/asked\n{made}\n')
        (tools / name).chmod(0o755)
    build(source, tmp_path / "lib", f"{tools}:/usr/bin:/bin")
    assert (tmp_path / "asked").read_text().splitlines() == ["npm ci --ignore-scripts --no-progress", "node build.mjs"]
    assert (tmp_path / "lib" / "callbridge" / "web" / "dist" / "index.html").read_text() == "page\n"


def test_a_source_distribution_holds_the_screens_as_they_were_built_and_makes_the_wheel(source: Path, tmp_path: Path) -> None:
    dist = source / "callbridge" / "web" / "dist"
    dist.mkdir()
    (dist / "index.html").write_text("the page")
    build(source, tmp_path / "sdist", str(tmp_path), "build_sdist")
    (unpacked,) = (tmp_path / "sdist").iterdir()
    (tmp_path / "of_it").mkdir()
    assert "no node here" not in build(unpacked, tmp_path / "of_it" / "lib", str(tmp_path))
    web = tmp_path / "of_it" / "lib" / "callbridge" / "web"
    assert [path.name for path in web.rglob("*") if path.is_file()] == ["index.html"]
