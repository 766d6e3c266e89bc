"""`callbridge import`: what an app_queue's callers hear, press and leave behind, as our queue's settings.

Announcements become `announce:`, the exit context `keys:` with a flow for each key, the agent's announcement `whisper:`, and
recording `record:`. What differs, and what is to be done by hand, is a comment where it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from callbridge.settings.durations import duration_text
from callbridge.wire.asterisk_conf import Conf, ConfSection

KEYS_TO_PRESS = "0123456789*#"
LONGEST_INTERVAL = 86_400
CARRIED = frozenset(
    {
        "announce-frequency",
        "announce-position",
        "announce-holdtime",
        "periodic-announce",
        "periodic-announce-frequency",
        "queue-thereare",
        "queue-callswaiting",
        "queue-holdtime",
        "queue-minutes",
        "queue-thankyou",
        "announce",
        "context",
        "monitor-format",
        "monitor-type",
    }
)
"""The keys that are dealt with here."""
_SOUND = re.compile(r"[A-Za-z0-9/][\w./-]*", re.ASCII)
_CONTEXT = re.compile(r"[\w.-]+", re.ASCII)
_FORMATS = {name: name for name in ("wav", "gsm", "ulaw", "alaw", "sln", "sln16", "g722")} | {"wav49": "WAV"}
"""app_queue's names -> ours."""


def while_waiting(section: ConfSection, dialplan: Conf | None, flow_to: Callable[[str, str], str]) -> Iterator[str]:
    """The lines of this queue's settings. ``dialplan`` says by which keys callers leave it, where it is given; ``flow_to`` gives
    the name of a flow that leads to a place in the dialplan, such as the name that is wanted."""
    yield from _announcements(section)
    yield from _keys(section, dialplan, flow_to)
    yield from _whisper(section)
    yield from _recording(section)


def _was(section: ConfSection, key: str, why: str) -> Iterator[str]:
    for entry in section.all(key)[-3:]:
        line = f"  # was: {entry.key} = {entry.value[:160]}: {why}"
        yield "".join(char if char.isprintable() else " " for char in line)


# -- announcements --------------------------------------------------------------------------------------------------


def _announcements(section: ConfSection) -> Iterator[str]:
    said = [*_of_place(section), *_periodic(section)]
    settings = [line for line in said if not line.lstrip().startswith("#")]
    yield from (line for line in said if line not in settings)
    if settings:
        yield "  announce:"
        yield from settings


def _of_place(section: ConfSection) -> Iterator[str]:
    """Position and estimated wait: app_queue says both unless told otherwise, at once and then every so often."""
    every = _interval(section, "announce-frequency")
    if every is None:
        for key in ("announce-frequency", "announce-position", "announce-holdtime"):
            yield from _was(section, key, "not announced without announce-frequency; see announce: {position, wait, every}")
        return
    position = (section.last("announce-position") or "yes").lower()
    wait = (section.last("announce-holdtime") or "yes").lower()
    if position in ("limit", "more"):
        yield from _was(section, "announce-position", "there is no limit here; everybody hears the position")
    if wait == "once":
        yield from _was(section, "announce-holdtime", "the estimated wait is said every time")
    thanks = _sound(section, "queue-thankyou", "queue-thankyou")
    spoken = {
        "position": f"{_sound(section, 'queue-thereare', 'queue-thereare')},number:{{position}},"
        f"{_sound(section, 'queue-callswaiting', 'queue-callswaiting')}",
        "wait": f"{_sound(section, 'queue-holdtime', 'queue-holdtime')},number:{{minutes}},"
        f"{_sound(section, 'queue-minutes', 'queue-minutes')}",
    }
    wanted = [name for name, how in (("position", position), ("wait", wait)) if how not in ("no", "false", "0", "off", "n", "f")]
    for name in wanted:
        last = f",{thanks}" if name == wanted[-1] else ""
        yield f"    {name}: {json.dumps(spoken[name] + last)}"
    if wanted:
        yield "    first: 0s"
        yield f"    every: {duration_text(every)}"


def _periodic(section: ConfSection) -> Iterator[str]:
    every = _interval(section, "periodic-announce-frequency")
    if every is None:
        for key in ("periodic-announce", "periodic-announce-frequency"):
            why = "nothing was announced without periodic-announce-frequency; see announce: {periodic, periodic_every}"
            yield from _was(section, key, why)
        return
    given = [name.strip() for entry in section.all("periodic-announce") for name in entry.value.split(",")]
    sounds = [name for name in given if _SOUND.fullmatch(name)]
    if len(sounds) < len(given):
        yield from _was(section, "periodic-announce", "not all of it names a sound: see announce: {periodic: [...]}")
    if sounds or not given:
        yield f"    periodic: {json.dumps(sounds or ['queue-periodic-announce'])}"
        yield f"    periodic_every: {duration_text(every)}"


def _interval(section: ConfSection, key: str) -> float | None:
    given = section.last(key) or ""
    usable = given.isascii() and given.isdigit() and len(given) < 7 and int(given)
    return float(min(int(given), LONGEST_INTERVAL)) if usable else None


def _sound(section: ConfSection, key: str, usual: str) -> str:
    given = section.last(key) or ""
    return given if _SOUND.fullmatch(given) else usual


# -- keys, whisper, recording ---------------------------------------------------------------------------------------


def _keys(section: ConfSection, dialplan: Conf | None, flow_to: Callable[[str, str], str]) -> Iterator[str]:
    context = section.last("context")
    if not context:
        return
    keys = _exits(dialplan, context) if _CONTEXT.fullmatch(context) else []
    if keys:
        leads = {key: flow_to(f"{context},{key}", f"{context}-{_SPOKEN.get(key, key)}") for key in keys}
        yield "  keys: {" + ", ".join(f"{json.dumps(key)}: {json.dumps(name)}" for key, name in leads.items()) + "}"
        return
    flow = f'flows: {{leave: {{nodes: {{away: {{dialplan: "{context},1"}}}}}}}}'
    how = f'callers left by a key. For each key write {flow}, and here keys: {{"1": leave}}'
    yield from _was(section, "context", how if dialplan is not None else f"{how}; --extensions FILE does it")


_SPOKEN: Mapping[str, str] = {"*": "star", "#": "hash"}


def _exits(dialplan: Conf | None, context: str) -> list[str]:
    """The single keys for which the context has an extension; patterns and includes are not looked into."""
    section = dialplan.section(context) if dialplan is not None else None
    extensions = [entry.value.partition(",")[0].strip() for entry in section.all("exten")] if section is not None else []
    return [key for key in dict.fromkeys(extensions) if len(key) == 1 and key in KEYS_TO_PRESS]


def _whisper(section: ConfSection) -> Iterator[str]:
    given = section.last("announce")
    if given and _SOUND.fullmatch(given):
        yield f"  whisper: {json.dumps(given)}"
    elif given:
        yield from _was(section, "announce", "no name of a sound; whisper: SOUND plays one to the agent before the talk")


def _recording(section: ConfSection) -> Iterator[str]:
    given = section.last("monitor-format")
    if not given:
        yield from _was(section, "monitor-type", "nothing was recorded without monitor-format; see record:")
        return
    wanted = [name.strip().lower() for name in given.split("|")]
    format = next((_FORMATS[name] for name in wanted if name in _FORMATS), "wav")
    if wanted != [format.lower()] and wanted != ["wav49"]:
        yield from _was(section, "monitor-format", f"recorded as {format}; file: says how")
    if (section.last("monitor-type") or "").lower() != "mixmonitor":
        yield "  # was: recorded by Monitor, a file for each side; MixMonitor makes one of both"
    yield f'  record: {{file: "{{day}}/{{queue}}/{{call}}-{{part}}.{format}"}}   # below the PBX\'s folder monitor'
