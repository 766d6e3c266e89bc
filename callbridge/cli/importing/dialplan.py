"""Asterisk's dialplan as data: contexts, extensions, their steps and hints. Nothing is executed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.wire.asterisk_conf import Conf

DEEPEST_INCLUDE = 10
_STEP = re.compile(r"(?P<priority>\d+|n(?:\+\d+)?|s|hint)(?:\((?P<label>[^)]*)\))?", re.IGNORECASE)
_APPLICATION = re.compile(r"(?P<name>\w+)\s*(?:\((?P<inside>.*)\)|,(?P<after>.*))?", re.DOTALL)
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class DialplanPriority:
    """One priority of an extension."""

    priority: int
    label: str
    application: str
    data: str


@dataclass(slots=True)
class Context:
    extensions: dict[str, list[DialplanPriority]] = field(default_factory=dict)
    includes: list[str] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Dialplan:
    contexts: dict[str, Context] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """Global variables."""

    @property
    def has_hints(self) -> bool:
        return any(context.hints for context in self.contexts.values())

    def hint(self, extension: str, context: str = "") -> tuple[str, str]:
        """What is watched for an extension, in this context or else in any, and in which."""
        places = [(context, self.contexts[context])] if context in self.contexts else []
        places += self.contexts.items()
        return next(((place.hints[extension], name) for name, place in places if extension in place.hints), ("", ""))

    def extensions(self, context: str) -> list[str]:
        return [*self.contexts[context].extensions] if context in self.contexts else []

    def steps(self, context: str, extension: str, depth: int = 0) -> list[DialplanPriority]:
        """What happens to a call to this extension: the exact one, else a pattern, else what the context includes."""
        place = self.contexts.get(context)
        if place is None or depth > DEEPEST_INCLUDE:
            return []
        if extension in place.extensions:
            return place.extensions[extension]
        patterns = (steps for name, steps in place.extensions.items() if fits(name, extension))
        found = next(patterns, [])
        includes = (self.steps(name, extension, depth + 1) for name in place.includes)
        return found or next((steps for steps in includes if steps), [])


def read_dialplan(conf: Conf) -> Dialplan:
    plan = Dialplan()
    for section in conf.sections:
        if section.template:
            continue
        if section.name == "globals":
            plan.variables |= {entry.key: entry.value for entry in section.entries}
            continue
        context, extension = plan.contexts.setdefault(section.name, Context()), ""
        for entry in section.entries:
            key = entry.key.lower()
            if key == "include":
                context.includes.append(entry.value.partition(",")[0].strip())
            elif key == "exten":
                name, _, rest = entry.value.partition(",")
                extension = name.partition("/")[0].strip()
                _add(context, extension, rest)
            elif key == "same" and extension:
                _add(context, extension, entry.value)
    return plan


def _add(context: Context, extension: str, text: str) -> None:
    where, _, what = text.partition(",")
    found = _STEP.fullmatch(where.strip())
    if found is None:
        return
    given, steps = found["priority"].lower(), context.extensions.setdefault(extension, [])
    if given == "hint":
        context.hints.setdefault(extension, what.strip())
        if not steps:
            del context.extensions[extension]
        return
    last = steps[-1].priority if steps else 0
    priority = int(given) if given.isdigit() else last + (int(given[2:]) if given.startswith("n+") else given == "n")
    application, data = application_of(what)
    steps.append(DialplanPriority(priority, found["label"] or "", application, data))


def application_of(text: str) -> tuple[str, str]:
    """``Queue(600,t)`` as ``("queue", "600,t")``."""
    found = _APPLICATION.fullmatch(text.strip())
    return (found["name"].lower(), (found["inside"] or found["after"] or "").strip()) if found is not None else ("", text)


def arguments(text: str) -> list[str]:
    """Split at commas as applications do: not within quotes or brackets."""
    found, depth, quoted, start = list[str](), 0, False, 0
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif not quoted and char in _OPENING:
            depth += 1
        elif not quoted and char in _CLOSING:
            depth = max(0, depth - 1)
        elif char == "," and not depth and not quoted:
            found.append(text[start:at])
            start = at + 1
    return [each.strip() for each in [*found, text[start:]]]


def fits(pattern: str, extension: str) -> bool:
    """Whether an extension that begins with ``_`` matches."""
    if not pattern.startswith("_"):
        return False
    expression = "".join(_expressions(pattern[1:]))
    try:
        return re.fullmatch(expression, extension, re.ASCII) is not None
    except re.error:
        return False


def _expressions(pattern: str) -> Iterator[str]:
    kinds = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*", "-": "-?"}
    for part in re.findall(r"\[[^\]]*\]|.", pattern, re.DOTALL):
        yield part.replace("\\", "\\\\") if len(part) > 1 else kinds.get(part.upper(), re.escape(part))
