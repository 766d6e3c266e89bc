"""Names, texts and sections of the YAML that `callbridge import` prints. Nothing from a foreign file breaks a line of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

LONGEST_NAME = 56
LONGEST_COMMENT = 300
_NAME = re.compile(r"\w[\w.@+-]*")
_SKILL = re.compile(r"[^\W\d][\w-]*")
_YAML_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


def clean(value: str) -> str:
    return "".join(char if char.isprintable() else " " for char in value).strip()


def comment(value: str) -> str:
    """Fit for a comment: one line, not endless."""
    return clean(value)[:LONGEST_COMMENT]


def text(value: str) -> str:
    """A YAML string that means exactly this, on one line: JSON's are."""
    return json.dumps(clean(value).replace("$", "$$"), ensure_ascii=False)


def key(value: str) -> str:
    plain = re.fullmatch(r"[A-Za-z][\w-]*", value, re.ASCII) and value.lower() not in _YAML_WORDS
    return value if plain else text(value)


def section(name: str, lines: Sequence[str]) -> list[str]:
    """A section of the configuration; an empty one is written as such, with its comments."""
    if all(line.lstrip().startswith("#") for line in lines):
        return [f"{name}: {{}}", *lines, ""]
    return [f"{name}:", *(f"  {line}" for line in lines), ""]


def fresh(wanted: str, taken: Iterable[str], kind: str) -> str:
    """A name near the one that is wanted, and not taken."""
    name = re.sub(r"[^\w.@+-]+", "-", wanted).strip("-.@+")[:LONGEST_NAME]
    name = name if _NAME.fullmatch(name) else f"{kind}-{name}".rstrip("-")
    known, number, found = set(taken), 2, name
    while found in known:
        found, number = f"{name}-{number}", number + 1
    return found


def fresh_entry(wanted: str, taken: Iterable[str], kind: str = "queue") -> str:
    """A name that the dialplan can carry: at least two of A-Z a-z 0-9 and dash."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", wanted).strip("-")
    return fresh(plain if len(plain) > 1 else f"{kind}-{plain}".strip("-"), taken, kind)


def fresh_skill(wanted: str, taken: Iterable[str]) -> str:
    name = re.sub(r"[^\w-]+", "-", wanted).strip("-")
    name = name if _SKILL.fullmatch(name) and name not in ("and", "or") else f"skill-{name}"
    return fresh(name, taken, "skill")
