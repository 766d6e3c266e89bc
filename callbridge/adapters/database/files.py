"""Databases that are files: where they are, and who may create them."""

from __future__ import annotations

import contextlib
import os
import pwd
from pathlib import Path

from sqlalchemy import make_url


def file_of(url: str) -> Path | None:
    """The file of such a database, if it has one."""
    path = make_url(url).database
    return Path(path) if url.startswith("sqlite") and path and not path.startswith((":", "file:")) else None


def make_private(file: Path) -> None:
    """Make it, where it is not there, as one that only its owner may read: SQLite would go by the umask. What prevents that is
    told when the database is opened."""
    with contextlib.suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def no_folder(url: str) -> str:
    """The folder that such a database's file needs and that is not there, or cannot be looked at; empty when all is well."""
    file = file_of(url)
    if file is None:
        return ""
    try:
        return "" if file.absolute().parent.is_dir() else str(file.absolute().parent)
    except OSError:
        return str(file.absolute().parent)


def not_roots(url: str) -> str:
    """Who is to make the database, when we are root, it is not there, and its folder is not root's: nobody else could write what
    root makes. Empty when all is well; in a database that is there SQLite gives new files to its owner."""
    file = file_of(url)
    if os.geteuid() != 0 or file is None or file.exists() or no_folder(url):
        return ""
    owner = file.absolute().parent.stat().st_uid
    try:
        return pwd.getpwuid(owner).pw_name if owner else ""
    except KeyError:
        return f"#{owner}"
