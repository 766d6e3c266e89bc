"""Rules of scripts: steps that exist and end, fields that are there, and names that calls have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.agent_page_rules import is_secret, known_values, unknown
from callbridge.settings.document import Document, Path, mapping
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.scripts import ScriptConfig, ScriptFieldConfig, ScriptStepConfig
from callbridge.wire.crm_links import CALL_FIELDS

_FIELD = re.compile(r"{(\w+)}")


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    known = known_values(settings)
    for name, script in settings.scripts.items():
        at: Path = ("scripts", name)
        if script.start is not None and script.start not in script.steps:
            yield document.at((*at, "start"), f"no such step: {script.start!r}", did_you_mean(script.start, script.steps))
        fields: dict[str, ScriptFieldConfig] = {}
        for step_name, step in script.steps.items():
            for field_name, field in step.fields.items():
                if field_name in fields:
                    place: Path = (*at, "steps", step_name, "fields", field_name)
                    yield document.at(place, "is already a field of another step", key=True)
                fields.setdefault(field_name, field)
        for step_name, step in script.steps.items():
            yield from _step(settings, document, (*at, "steps", step_name), step, script, fields, known)
        yield from _without_end(document, at, script)
    written = mapping(document.values.get("scripts"))
    for place, wanted in _uses(settings):
        if wanted not in written:
            yield document.at(place, f"no such script: {wanted!r}", did_you_mean(wanted, written))


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    used = {name for _, name in _uses(settings)}
    for name, script in settings.scripts.items():
        if name not in used:
            yield document.at(("scripts", name), Sentence("no queue and no campaign uses this script"), key=True)
        reached, ahead = set[str](), [script.start or next(iter(script.steps))]
        while ahead:
            step = ahead.pop()
            if step not in reached and step in script.steps:
                reached.add(step)
                ahead += ways(script.steps[step])
        for step in script.steps:
            if step not in reached:
                problem = Sentence("no other step leads to this one")
                yield document.at(("scripts", name, "steps", step), problem, key=True)


def ways(step: ScriptStepConfig) -> list[str]:
    """The steps that may come next; none at an end."""
    return [*(one.to for one in step.branch), *([step.next] if step.next is not None else [])]


def _step(
    settings: models.Settings,
    document: Document,
    at: Path,
    step: ScriptStepConfig,
    script: ScriptConfig,
    fields: Mapping[str, ScriptFieldConfig],
    known: set[str],
) -> Iterator[Fault]:
    for field in dict.fromkeys(_FIELD.findall(step.text)):
        if field in fields or field in CALL_FIELDS:
            continue
        if is_secret(settings, field):
            yield document.at((*at, "text"), f"{{{field}}} is secret: agents must not see it")
        elif field not in known:
            yield unknown(document, (*at, "text"), field, known | fields.keys())
    targets: list[tuple[Path, str]] = [((*at, "branch", index, "to"), one.to) for index, one in enumerate(step.branch)]
    if step.next is not None:
        targets.append(((*at, "next"), step.next))
    for place, to in targets:
        if to not in script.steps:
            yield document.at(place, f"no such step: {to!r}", did_you_mean(to, script.steps))
    for index, branch in enumerate(step.branch):
        for name, answers in branch.when.items():
            here: Path = (*at, "branch", index, "when", name)
            if name not in fields:
                yield document.at(here, f"no such field: {name!r}", did_you_mean(name, fields), key=True)
                continue
            possible = ("yes", "no") if fields[name].kind == "yes_no" else fields[name].choices
            for answer in answers:
                if possible is not None and answer not in possible:
                    yield document.at(
                        here, f"{answer!r:.40} is not an answer to {name!r}", f"known answers: {', '.join(possible)}"
                    )


def _without_end(document: Document, at: Path, script: ScriptConfig) -> Iterator[Fault]:
    """Steps from which no way leads to an end: the agent would go round in a loop."""
    ends = {name for name, step in script.steps.items() if step.next is None}
    while more := {name for name, step in script.steps.items() if name not in ends and ends.intersection(ways(step))}:
        ends |= more
    for name, step in script.steps.items():
        if name not in ends and all(to in script.steps for to in ways(step)):
            path = " -> ".join([name, *ways(step)[:1]])
            yield document.at((*at, "steps", name), f"the agent would be in a loop without exit: {path}", key=True)
            return


def _uses(settings: models.Settings) -> Iterator[tuple[Path, str]]:
    if settings.queue_defaults.script is not None:
        yield ("queue_defaults", "script"), settings.queue_defaults.script
    for name, queue in settings.queues.items():
        if queue.script is not None:
            yield ("queues", name, "script"), queue.script
    for campaign, one in settings.campaigns.items():
        if one.script is not None:
            yield ("campaigns", campaign, "script"), one.script
