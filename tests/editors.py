"""What editors that follow the JSON Schema say of configuration files."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from functools import cache

import jsonschema_rs
import pytest
import yaml

from callbridge.settings import loading
from callbridge.settings.document import Document
from callbridge.settings.editor_schema import CoreLoader, editor_schema
from callbridge.settings.reader import read

VALIDATOR = jsonschema_rs.Draft202012Validator(editor_schema())


def complaints(text: str) -> list[str]:
    """What an editor would underline in this file."""
    return list(_complaints(text))


@cache
def _complaints(text: str) -> tuple[str, ...]:
    """Many tests load the same file, or one that they changed nothing in."""
    tree = yaml.load(text, CoreLoader)
    return tuple(f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in VALIDATOR.iter_errors(tree))


def watch_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """At the end no editor complains about a file of a configuration that was loaded without a fault."""
    seen: list[tuple[Document, dict[str, str]]] = []

    def watched(path: pathlib.Path, env: dict[str, str]) -> Document:
        document = read(path, env)
        files = {place.file for place in document.keys.values()}
        seen.append((document, {file: pathlib.Path(file).read_text(encoding="utf-8-sig") for file in files}))
        return document

    monkeypatch.setattr(loading, "read", watched)
    yield
    for document, files in seen:
        if not document.faults:
            assert {file: found for file, text in files.items() if (found := complaints(text))} == {}
