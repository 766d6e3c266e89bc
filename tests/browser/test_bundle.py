"""What a browser loads: little, and nothing from elsewhere."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.browser.stand_in import DIST

pytestmark = [pytest.mark.live, pytest.mark.browser]


def test_the_bundle_is_small() -> None:
    files = [path for path in DIST.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".html", ".js", ".css", ".svg"}
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in files}
    assert sum(sizes.values()) < 300_000
    assert sum(size for name, size in sizes.items() if not name.startswith("line-")) < 150_000


def test_the_phone_is_loaded_by_who_has_one_only() -> None:
    """JsSIP is twice as large as everything else."""
    (phone,) = (DIST / "assets").glob("line-*.js")
    (main,) = (DIST / "assets").glob("main-*.js")
    assert "JsSIP" in phone.read_text(encoding="utf-8")
    assert "JsSIP" not in main.read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in DIST.rglob("*"):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            assert re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text) == [], path
        if path.suffix == ".html":
            assert "style=" not in path.read_text(encoding="utf-8")
            assert re.findall(r"<script(?![^>]*\bsrc=)", path.read_text(encoding="utf-8")) == []


def test_names_of_scripts_and_styles_change_with_their_contents() -> None:
    named = re.compile(r"\w+-[A-Z0-9]{8}\.(js|css)|icon\.svg")
    assert all(named.fullmatch(path.name) for path in (DIST / "assets").iterdir())


def test_the_plots_are_loaded_by_the_page_that_draws_them() -> None:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in (DIST / "assets").glob("*.js")}
    (plots,) = (name for name, text in scripts.items() if "u-legend" in text)
    page = (DIST / "index.html").read_text(encoding="utf-8")
    assert plots.startswith("reports-") and plots not in page
    first = [name for name in scripts if name in page]
    assert sum(len(gzip.compress(scripts[name].encode())) for name in first) < 75_000
