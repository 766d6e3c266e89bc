"""Skill requirements: ``support >= 3 and (english >= 1 or expert >= 2)``, parsed once, evaluated often.

A bare skill name means "at least level 1". Skills may be named in any language. ``not`` is left out on
purpose: a requirement only ever asks for more, so widening a step can never shut somebody out by surprise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LEVELS = range(1, 6)

Profile = tuple[tuple[str, int], ...]
"""What an agent can do: (skill, level) pairs, sorted; equal profiles are interchangeable to the matcher."""


class RequirementError(ValueError):
    """A requirement that cannot be read; ``position`` is the offending character, counted from 0."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        super().__init__(f"{problem} at character {position + 1} of {text!r}")
        self.text = text
        self.position = position
        self.problem = problem

    def pointer(self) -> str:
        """The requirement with a caret below the offending character, for a terminal."""
        return f"{self.text}\n{' ' * self.position}^ {self.problem}"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """One skill at some level or better."""

    skill: str
    level: int

    def __str__(self) -> str:
        return f"{self.skill} >= {self.level}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part must hold."""

    parts: tuple[SkillNode, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part is enough."""

    parts: tuple[SkillNode, ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


SkillNode = AtLeast | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Requirement:
    """A parsed requirement. ``str()`` gives its canonical text, which is also its identity."""

    node: SkillNode
    text: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", str(self.node))

    def __str__(self) -> str:
        return self.text

    def skills(self) -> frozenset[str]:
        """Every skill that the requirement names."""
        return frozenset(_skills(self.node))

    def strength(self, profile: Profile) -> int | None:
        """None when the profile does not fit; else the sum of its levels in the skills named (higher is better)."""
        levels = dict(profile)
        if not _fits(self.node, levels):
            return None
        return sum(levels.get(skill, 0) for skill in self.skills())


def profile(skills: Mapping[str, int]) -> Profile:
    """The interned form of an agent's skills; levels below 1 mean "cannot" and are left out."""
    return tuple(sorted((skill, level) for skill, level in skills.items() if level >= 1))


def parse(text: str) -> Requirement:
    """Read a requirement. Raises RequirementError, which points at the character that is wrong."""
    return Requirement(_Parser(text).read())


def _fits(node: SkillNode, levels: Mapping[str, int]) -> bool:
    match node:
        case AtLeast(skill, level):
            return levels.get(skill, 0) >= level
        case AllOf(parts):
            return all(_fits(part, levels) for part in parts)
        case AnyOf(parts):
            return any(_fits(part, levels) for part in parts)


def _skills(node: SkillNode) -> Iterable[str]:
    if isinstance(node, AtLeast):
        yield node.skill
    else:
        for part in node.parts:
            yield from _skills(part)


_TOKEN = re.compile(r"(?P<word>[^\W\d][\w-]*)|(?P<number>\d+)|(?P<sign>>=|\(|\))")
_DEEPEST = 20
_LONGEST_REQUIREMENT = 500


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent over the grammar  any := all ("or" all)* ; all := one ("and" one)* ."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _LONGEST_REQUIREMENT:
            raise RequirementError(text[:60] + "...", 59, f"longer than {_LONGEST_REQUIREMENT} characters")
        self.tokens = list(self._scan())
        self.next = 0
        self.depth = 0

    def read(self) -> SkillNode:
        node = self._any()
        token = self._peek()
        if token.kind != "end":
            raise self._wrong(token, "expected 'and', 'or' or the end")
        return node

    def _scan(self) -> Iterable[_Token]:
        at = 0
        while True:
            while at < len(self.text) and self.text[at].isspace():
                at += 1
            if at == len(self.text):
                yield _Token("end", "", at)
                return
            found = _TOKEN.match(self.text, at)
            if found is None:
                if self.text.startswith(("=>", "=", "<", ">"), at):
                    raise RequirementError(self.text, at, "a level is compared with >=")
                raise RequirementError(self.text, at, f"{self.text[at]!r} has no meaning here")
            word = found.group()
            kind = word if word in ("and", "or", ">=", "(", ")") else found.lastgroup or ""
            yield _Token(kind, word, at)
            at = found.end()

    def _peek(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        token = self.tokens[self.next]
        self.next += token.kind != "end"
        return token

    def _wrong(self, token: _Token, problem: str) -> RequirementError:
        return RequirementError(self.text, token.at, problem)

    def _any(self) -> SkillNode:
        parts = [self._all()]
        while self._peek().kind == "or":
            self._take()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> SkillNode:
        parts = [self._one()]
        while self._peek().kind == "and":
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> SkillNode:
        token = self._take()
        if token.kind == "(":
            self.depth += 1
            if self.depth > _DEEPEST:
                raise self._wrong(token, f"more than {_DEEPEST} nested brackets")
            node = self._any()
            closing = self._take()
            if closing.kind != ")":
                raise self._wrong(closing, "expected ')'")
            self.depth -= 1
            return node
        if token.kind != "word":
            raise self._wrong(token, "expected a skill or '('")
        return self._level(token)

    def _level(self, skill: _Token) -> SkillNode:
        if self._peek().kind != ">=":
            return AtLeast(skill.text, 1)
        self._take()
        number = self._take()
        if number.kind != "number" or int(number.text) not in LEVELS:
            raise self._wrong(number, f"expected a level from {LEVELS[0]} to {LEVELS[-1]}")
        return AtLeast(skill.text, int(number.text))
