"""Files that hold people's numbers: only their owner may read them, whatever the umask is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def open_private(path: Path, *, new: bool = False) -> BinaryIO:
    """Open a file to write it from its beginning. One that is there keeps its mode. ``new``: one that is there is removed first,
    so that nobody who may write to the folder leads us elsewhere by a link. Raises OSError."""
    if new:
        path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_EXCL if new else os.O_TRUNC)
    return os.fdopen(os.open(path, flags, 0o600), "wb")
