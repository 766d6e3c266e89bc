"""Asterisk's configuration files on disk: read with their includes, whatever their encoding."""

from __future__ import annotations

import glob
from pathlib import Path

from callbridge.wire.asterisk_conf import Conf, Note, decode, parse

LARGEST_CONF_FILE = 32 << 20
"""Bytes of one file that are read."""


def read_conf(path: Path) -> Conf:
    """A file and what it includes, relative to its folder. Raises OSError when the file itself cannot be read."""
    odd: list[Note] = []

    def text_of(file: Path) -> str:
        with file.open("rb") as opened:
            text, word = decode(opened.read(LARGEST_CONF_FILE))
            if opened.read(1):
                odd.append(Note(str(file), 1, f"only the first {LARGEST_CONF_FILE >> 20} MiB were read"))
        if word:
            odd.append(Note(str(file), 1, word))
        return text

    def included(name: str) -> str | None:
        """One file, or several when the name is a pattern."""
        places = sorted(glob.glob(str(path.parent / name)))
        try:
            return "\n".join(text_of(Path(place)) for place in places) if places else None
        except OSError:
            return None

    conf = parse(text_of(path), str(path), included)
    conf.notes = [*odd, *conf.notes]
    return conf
