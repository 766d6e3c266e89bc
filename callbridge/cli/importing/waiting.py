"""What an app_queue's callers hear, press and leave behind, as our queue's settings.

Announcements become `announce:`, the exit context `keys:` with a flow for each key, the agent's announcement `whisper:`, and
recording `record:`. What differs, and what is to be done by hand, is a comment where it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from callbridge.cli.importing.converted import Looks
from callbridge.cli.importing.destinations import Destinations
from callbridge.cli.importing.dialplan import Dialplan, arguments
from callbridge.cli.importing.equivalents import is_no
from callbridge.cli.importing.queue_calls import DialplanTarget
from callbridge.settings.durations import duration_text
from callbridge.wire.asterisk_conf import ConfSection

KEYS_TO_PRESS = "0123456789*#"
LONGEST_INTERVAL = 3600
"""Seconds between announcements beyond which the setting is doubted."""
_SOUND = re.compile(r"[A-Za-z0-9/][\w./-]*", re.ASCII)
_CONTEXT = re.compile(r"[\w.-]+", re.ASCII)
_FORMATS = {name: name for name in ("wav", "gsm", "ulaw", "alaw", "sln", "sln16", "g722")} | {"wav49": "WAV"}
"""app_queue's names -> ours."""
_SPOKEN: Mapping[str, str] = {"*": "star", "#": "hash"}


def _was(section: ConfSection, key: str, why: str, looks: Looks) -> Iterator[str]:
    for entry in section.all(key)[-3:]:
        if entry.value.strip():
            yield f"  {looks.was(f'[{section.name}]', entry, why)}"


# -- announcements --------------------------------------------------------------------------------------------------


def announcements(section: ConfSection, greeting: Sequence[str], looks: Looks) -> Iterator[str]:
    """``greeting``: sounds that the dialplan played before the queue."""
    said = [f"    greeting: {json.dumps(','.join(greeting))}"] if greeting else []
    said += [*_of_place(section, looks), *_periodic(section, looks)]
    settings = [line for line in said if not line.lstrip().startswith("#")]
    yield from (line for line in said if line not in settings)
    if settings:
        yield "  announce:"
        yield from settings


def _of_place(section: ConfSection, looks: Looks) -> Iterator[str]:
    """Position and estimated wait: app_queue says both unless told otherwise, at once and then every so often; without a
    frequency it says neither."""
    every = _interval(section, "announce-frequency", looks)
    if every is None:
        return
    position = section.last("announce-position") or "yes"
    wait = section.last("announce-holdtime") or "yes"
    if position.lower() in ("limit", "more"):
        yield from _was(section, "announce-position", "there is no limit here; everybody hears the position", looks)
    if wait.lower() == "once":
        yield from _was(section, "announce-holdtime", "the estimated wait is said every time", looks)
    thanks = _sound(section, "queue-thankyou", "queue-thankyou")
    spoken = {
        "position": f"{_sound(section, 'queue-thereare', 'queue-thereare')},number:{{position}},"
        f"{_sound(section, 'queue-callswaiting', 'queue-callswaiting')}",
        "wait": f"{_sound(section, 'queue-holdtime', 'queue-holdtime')},number:{{minutes}},"
        f"{_sound(section, 'queue-minutes', 'queue-minutes')}",
    }
    wanted = [name for name, how in (("position", position), ("wait", wait)) if not is_no(how)]
    for name in wanted:
        last = f",{thanks}" if name == wanted[-1] else ""
        yield f"    {name}: {json.dumps(spoken[name] + last)}"
    if wanted:
        yield "    first: 0s"
        yield f"    every: {duration_text(every)}"


def _periodic(section: ConfSection, looks: Looks) -> Iterator[str]:
    every = _interval(section, "periodic-announce-frequency", looks)
    if every is None:
        why = "nothing was announced without periodic-announce-frequency; see announce: {periodic, periodic_every}"
        yield from _was(section, "periodic-announce", why, looks)
        return
    given = [name.strip() for entry in section.all("periodic-announce") for name in entry.value.split(",")]
    sounds = [name for name in given if _SOUND.fullmatch(name)]
    if len(sounds) < len(given):
        yield from _was(section, "periodic-announce", "not all of it names a sound: see announce: {periodic: [...]}", looks)
    if sounds or not given:
        yield f"    periodic: {json.dumps(sounds or ['queue-periodic-announce'])}"
        yield f"    periodic_every: {duration_text(every)}"


def _interval(section: ConfSection, key: str, looks: Looks) -> float | None:
    given = section.last(key) or ""
    if not (given.isascii() and given.isdigit() and len(given) < 10 and int(given)):
        return None
    if int(given) > LONGEST_INTERVAL:
        looks.add(
            f"[{section.name}]", f"{key} = {given}: {duration_text(float(given))} between two announcements; 1h was written"
        )
    return float(min(int(given), LONGEST_INTERVAL))


def _sound(section: ConfSection, key: str, usual: str) -> str:
    given = section.last(key) or ""
    return given if _SOUND.fullmatch(given) else usual


# -- keys, whisper, recording ---------------------------------------------------------------------------------------


def keys(section: ConfSection, dialplan: Dialplan | None, ways: Destinations, looks: Looks) -> Iterator[str]:
    context = section.last("context")
    if not context:
        return
    led = _exits(dialplan, context) if dialplan is not None and _CONTEXT.fullmatch(context) else {}
    if led:
        leads = {key: ways.key(place, f"{context}-{_SPOKEN.get(key, key)}") for key, place in led.items()}
        longer = [name for name in dialplan.extensions(context) if re.fullmatch(r"[0-9*#]{2,}", name)] if dialplan else []
        if longer:
            why = f"waiting callers press one key: {', '.join(longer[:6])} cannot be dialled, but collect: of a flow takes digits"
            yield from _was(section, "context", why, looks)
        yield "  keys: {" + ", ".join(f"{json.dumps(key)}: {json.dumps(name)}" for key, name in leads.items()) + "}"
        return
    flow = f'flows: {{leave: {{nodes: {{away: {{dialplan: "{context},1"}}}}}}}}'
    how = f'callers left by a key. For each key write {flow}, and here keys: {{"1": leave}}'
    yield from _was(section, "context", how if dialplan is not None else f"{how}; --extensions FILE does it", looks)


def _exits(dialplan: Dialplan, context: str) -> dict[str, DialplanTarget]:
    """The single keys to which the context answers; a key that only goes on to another place leads there."""
    found: dict[str, DialplanTarget] = {}
    for key in KEYS_TO_PRESS:
        steps = dialplan.steps(context, key)
        if steps:
            given = arguments(steps[0].data)
            whole = steps[0].application == "goto" and len(given) == 3 and "$" not in steps[0].data
            found[key] = DialplanTarget(*given) if whole and given[2] == "1" else DialplanTarget(context, key)
    return found


def whisper(section: ConfSection, looks: Looks) -> Iterator[str]:
    given = section.last("announce")
    if given and _SOUND.fullmatch(given):
        yield f"  whisper: {json.dumps(given)}"
    elif given:
        yield from _was(section, "announce", "no name of a sound; whisper: SOUND plays one to the agent before the talk", looks)


def recording(section: ConfSection, in_dialplan: bool, usual_type: str, looks: Looks) -> Iterator[str]:
    """``in_dialplan``: the dialplan began a recording before the queue; ``usual_type``: monitor-type of [general]."""
    given = section.last("monitor-format")
    if not given and not in_dialplan:
        return
    wanted = [name.strip().lower() for name in (given or "wav").split("|")]
    format = next((_FORMATS[name] for name in wanted if name in _FORMATS), "wav")
    if wanted != [format.lower()] and wanted != ["wav49"]:
        yield from _was(section, "monitor-format", f"recorded as {format}; file: says how", looks)
    if given and (section.last("monitor-type") or usual_type).lower() != "mixmonitor":
        said = looks.add(f"[{section.name}]", "recorded by Monitor, a file for each side; MixMonitor makes one of both")
        yield f"  # was: {said}"
    yield f'  record: {{file: "{{day}}/{{queue}}/{{call}}-{{part}}.{format}"}}   # below the PBX\'s folder monitor'
