"""Scripts that agents follow during a call: steps with texts and fields, and what may be answered. Pure.

An answer is a text: a choice as it is written in the script, a number with a dot, a date as 2026-11-30, ``yes`` or ``no``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from callbridge.core.model.sentence import Sentence

FieldKind = Literal["text", "choice", "number", "date", "yes_no"]
LONGEST_ANSWER = 1000
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptField:
    """One thing that an agent asks. ``least`` and ``most``: of a number."""

    label: str
    kind: FieldKind
    choices: tuple[str, ...] = ()
    required: bool = False
    least: float | None = None
    most: float | None = None

    def fault(self, answer: str) -> Sentence | None:
        """Why this is no answer; None when it is one. An empty answer takes back what was given."""
        if not answer:
            return None
        if len(answer) > LONGEST_ANSWER or _CONTROL.search(answer):
            return Sentence("must have at most {most} characters, and no control characters", most=LONGEST_ANSWER)
        match self.kind:
            case "choice" if answer not in self.choices:
                return Sentence("must be one of: {choices}", choices=", ".join(self.choices))
            case "yes_no" if answer not in ("yes", "no"):
                return Sentence("must be yes or no")
            case "number":
                return self._number_fault(answer)
            case "date" if not _is_date(answer):
                return Sentence("must be a date such as 2026-11-30")
            case _:
                return None

    def _number_fault(self, answer: str) -> Sentence | None:
        if not _NUMBER.fullmatch(answer):
            return Sentence("must be a number")
        value = float(answer)
        if self.least is not None and value < self.least:
            return Sentence("must be {least} or more", least=f"{self.least:g}")
        if self.most is not None and value > self.most:
            return Sentence("must be {most} or less", most=f"{self.most:g}")
        return None


def _is_date(answer: str) -> bool:
    try:
        return bool(_DATE.fullmatch(answer) and date.fromisoformat(answer))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptBranch:
    """Goes to ``to`` when each of these fields has one of these answers."""

    when: Mapping[str, tuple[str, ...]]
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptStep:
    """``text``: with names in braces. The first branch that applies decides what comes next, else ``next``; empty: the end."""

    text: str
    fields: Mapping[str, ScriptField] = field(default_factory=dict)
    branches: tuple[ScriptBranch, ...] = ()
    next: str = ""

    def leads_to(self) -> set[str]:
        return {*(branch.to for branch in self.branches), self.next} - {""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    name: str
    start: str
    steps: Mapping[str, ScriptStep]

    def faults(self, step: str, answers: Mapping[str, str]) -> Iterator[tuple[str, Sentence]]:
        """Field and problem of each answer that the script cannot take at this step."""
        there = self.steps[step].fields if step in self.steps else {}
        for name, answer in answers.items():
            if name not in there:
                yield name, Sentence("is not a field of the step {step}", step=step)
            elif problem := there[name].fault(answer):
                yield name, problem

    def as_data(self) -> dict[str, Any]:
        return {"name": self.name, "start": self.start, "steps": {name: _step(step) for name, step in self.steps.items()}}


def _step(step: ScriptStep) -> dict[str, Any]:
    return {
        "text": step.text,
        "fields": [
            {
                "name": name,
                "label": one.label,
                "kind": one.kind,
                "choices": list(one.choices),
                "required": one.required,
                "least": "" if one.least is None else one.least,
                "most": "" if one.most is None else one.most,
            }
            for name, one in step.fields.items()
        ],
        "branches": [
            {"when": {name: list(answers) for name, answers in branch.when.items()}, "to": branch.to} for branch in step.branches
        ],
        "next": step.next,
    }
