"""How the dialplan leads callers into a queue, and where they go afterwards: `Queue()` and what stands around it.

FreePBX puts half of a queue's settings here and not into queues.conf: the maximum wait, the destination after it, recording,
the join announcement, the prefix of the caller's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from callbridge.cli.importing.dialplan import Dialplan, DialplanPriority, application_of, arguments, fits
from callbridge.cli.importing.variables import UNKNOWN, is_true, resolved

_SOUND = re.compile(r"[A-Za-z0-9/][\w./-]*", re.ASCII)
_PREFIX = re.compile(r"prepend-cid,(?P<macro>.*)|macro-prepend-cid,s,1\((?P<gosub>.*)\)", re.DOTALL)
"""FreePBX's macro; where Asterisk has no macros any more (21 and newer), a subroutine of that name."""
_HANGS_UP = re.compile(r"hangupcall\b|macro-hangupcall\b")
_HOUSEKEEPING = frozenset({"noop", "set", "verbose", "log", "gosub", "macro", "gosubif", "resetcdr", "return"})
"""What may stand between `Queue()` and the destination without a meaning of its own here."""
_SPEAKING_OPTIONS = {
    "r": "callers heard ringing instead of music",
    "R": "callers heard ringing once an agent's phone rang",
    "n": "callers left after one round of the members",
    "c": "the call went on in the dialplan after the agent had hung up",
    "F": "the call went on in the dialplan after the agent had hung up: a survey: is callbridge's own way",
    "k": "the agent could park the call",
    "K": "the caller could park the call",
    "w": "the agent could start a recording by key: see keys: {CODE: record}",
    "x": "the agent could start a recording by key: see keys: {CODE: record}",
    "W": "the caller could start a recording by key",
    "X": "the caller could start a recording by key",
    "T": "the caller could transfer the call",
}
_LATER_ARGUMENTS = {
    2: "URL",
    3: "announcement to the agent",
    5: "AGI",
    6: "gosub or macro",
    7: "gosub or rule",
    8: "rule or position",
}


@dataclass(frozen=True, slots=True)
class DialplanTarget:
    """Where a call goes on; ``context`` is empty where it is hung up."""

    context: str = ""
    extension: str = ""
    priority: str = "1"

    @property
    def text(self) -> str:
        return f"{self.context},{self.extension},{self.priority}"


@dataclass(slots=True)
class QueueCall:
    """One place of the dialplan that calls `Queue()`. ``after``: where unanswered callers go; None: cannot be determined."""

    queue: str
    context: str
    extension: str
    longest_wait: float | None = None
    after: DialplanTarget | None = None
    greeting: list[str] = field(default_factory=list)
    record: bool = False
    music: str = ""
    highest_penalty: int | None = None
    """Members with a higher penalty were not asked; None: all were."""
    looks: list[str] = field(default_factory=list)
    """What has no equivalent."""

    @property
    def place(self) -> str:
        return f"{self.context},{self.extension}"


def queue_calls(dialplan: Dialplan, queues: Collection[str]) -> Iterator[QueueCall]:
    """Every call of a queue, also of such as are not in ``queues``."""
    for context, content in dialplan.contexts.items():
        for extension, steps in content.extensions.items():
            for at, step in enumerate(steps):
                if step.application == "queue":
                    for name, dialled in _named(step, extension, queues, dialplan):
                        yield _ExtensionReader(dialplan, context, extension, dialled).read(name, steps, at)


def _named(step: DialplanPriority, extension: str, queues: Collection[str], dialplan: Dialplan) -> Iterator[tuple[str, str]]:
    """The queue that is called, and the extension that was dialled; several where an extension is a pattern."""
    first = arguments(step.data)[0].strip('"')
    if extension.startswith("_") and "${EXTEN}" in first:
        for name in queues:
            if fits(extension, name) and resolved(first, {"EXTEN": name}) == name:
                yield name, name
    elif UNKNOWN not in (name := resolved(first, {**dialplan.variables, "EXTEN": extension})):
        yield name, extension


class _ExtensionReader:
    """Goes through the steps of one extension as a call would."""

    def __init__(self, dialplan: Dialplan, context: str, extension: str, dialled: str) -> None:
        self._dialplan, self._context, self._extension = dialplan, context, extension
        self._known = {**dialplan.variables, "EXTEN": dialled}

    def read(self, queue: str, steps: Sequence[DialplanPriority], at: int) -> QueueCall:
        call = QueueCall(queue, self._context, self._extension)
        for step in steps[:at]:
            self._before(step.application, step.data, call)
        join = self._known.get("QJOINMSG", "")
        if not call.greeting and _SOUND.fullmatch(join) and join != "0":
            call.greeting = [join]
        self._queue(steps[at], call)
        call.after = self._after(steps, at)
        return call

    # -- before -----------------------------------------------------------------------------------------------------

    def _before(self, application: str, data: str, call: QueueCall) -> None:
        match application:
            case "set" | "setvar":
                self._set(data, call)
            case "execif":
                self._if(data, call)
            case "playback" | "background":
                self._speak(data, call)
            case "gosub" | "macro":
                self._subroutine(data, call)
            case "mixmonitor" | "monitor":
                call.record = True

    def _if(self, data: str, call: QueueCall) -> None:
        condition, _, then = data.partition("?")
        then = then.split("):")[0] + ")" if "):" in then else then
        application, inside = application_of(then)
        holds = is_true(resolved(condition, self._known))
        if holds:
            self._before(application, inside, call)
        elif holds is None and application in ("playback", "background", "mixmonitor", "monitor"):
            call.looks.append(f"{then[:80]} before the queue depends on the call: a flow with branch: can decide so")

    def _speak(self, data: str, call: QueueCall) -> None:
        given = resolved(arguments(data)[0], self._known)
        sounds = [each.strip() for each in given.split("&") if each.strip()]
        if sounds and all(_SOUND.fullmatch(each) for each in sounds):
            call.greeting += sounds
        elif sounds:
            call.looks.append(f"{data[:80]} was played before the queue: see announce: {{greeting: SOUND}}")

    def _subroutine(self, data: str, call: QueueCall) -> None:
        """FreePBX: `sub-record-check,s,1(q,600,yes)` is about recording, `prepend-cid,Sales` about the caller's name."""
        prefix = _PREFIX.fullmatch(data)
        if prefix is not None:
            self._set(f"CALLERID(name)={prefix['macro'] or prefix['gosub'] or ''}", call)
        found = re.search(r"record-check\b.*?[(,]q,[^,)]*,\s*\"?(\w+)", data)
        how = found[1].lower() if found is not None else ""
        if how in ("yes", "force", "always"):
            call.record = True
        elif how == "dontcare":
            call.looks.append("recording was left to the route and the extension (dontcare): see record:")

    def _set(self, data: str, call: QueueCall) -> None:
        name, _, value = data.partition("=")
        plain = name.strip().lstrip("_")
        match plain.upper():
            case "CALLERID(NAME)" | "CALLERID(ALL)" | "RGPREFIX":
                prefix = resolved(value, self._known).split(UNKNOWN)[0].strip('" ')
                if prefix:
                    call.looks.append(
                        f"{prefix!r} stood before the caller's name: display: says what phones show ({{queue}}, {{tier}})"
                    )
            case "CHANNEL(MUSICCLASS)" | "CHANNEL(MUSICONHOLD)" | "MOHCLASS":
                music = resolved(value, self._known)
                call.music = music if UNKNOWN not in music else ""
            case "QUEUE_PRIO":
                call.looks.append(
                    f"QUEUE_PRIO = {value[:20]} put these callers ahead: a flow with {{queue: ..., head_start: 10m}} does so"
                )
            case "QUEUE_MAX_PENALTY" if value.strip().isdecimal() and len(value.strip()) < 7:
                call.highest_penalty = int(value)
            case "QUEUE_MAX_PENALTY" | "QUEUE_MIN_PENALTY":
                call.looks.append(f"{plain} = {value[:20]} limited the members by penalty: see steps:")
        self._known[plain] = resolved(value, self._known)

    # -- the queue itself -------------------------------------------------------------------------------------------

    def _queue(self, step: DialplanPriority, call: QueueCall) -> None:
        given = [resolved(each, self._known) for each in arguments(step.data)]
        options = given[1] if len(given) > 1 else ""
        for option in dict.fromkeys(re.sub(r"\([^)]*\)", "", options)):
            if option in _SPEAKING_OPTIONS:
                call.looks.append(f"option {option} of Queue(): {_SPEAKING_OPTIONS[option]}")
        for at, name in _LATER_ARGUMENTS.items():
            if len(given) > at and given[at].strip('" '):
                call.looks.append(
                    f"argument {at + 1} of Queue(), {name}: {given[at][:60].replace(UNKNOWN, '...')} has no equivalent"
                )
        wait = given[4].strip('" ') if len(given) > 4 else ""
        if wait.isascii() and wait.isdigit() and len(wait) < 7:
            call.longest_wait = float(wait) or None
        elif wait:
            call.looks.append(
                f"the maximum wait, {arguments(step.data)[4][:60]}, depends on the call: see overflow: [{{when: {{waited: 5m}}}}]"
            )

    # -- after ------------------------------------------------------------------------------------------------------

    def _after(self, steps: Sequence[DialplanPriority], at: int) -> DialplanTarget | None:
        for step in steps[at + 1 :]:
            hangs_up = step.application in ("macro", "gosub") and _HANGS_UP.match(step.data)
            if step.application in ("hangup", "congestion", "busy") or hangs_up:
                return DialplanTarget()
            if step.application == "goto":
                return self._goto(step, step.data, steps)
            if step.application == "gotoif" and (chosen := self._chosen(step.data)) is not None:
                if chosen:
                    return self._goto(step, chosen, steps)
            elif step.application in ("set", "setvar"):
                name, _, value = step.data.partition("=")
                self._known[name.strip().lstrip("_")] = resolved(value, self._known)
            elif step.application not in _HOUSEKEEPING:
                return self._here(step)
        return DialplanTarget()

    def _here(self, step: DialplanPriority) -> DialplanTarget | None:
        return None if self._extension.startswith("_") else DialplanTarget(self._context, self._extension, str(step.priority))

    def _chosen(self, data: str) -> str | None:
        """Where a GotoIf leads: empty for the next step, None where that depends on the call. FreePBX's way to the fail-over
        destination: `$["${QDEST}"=""]?ext-local,vmu101,1:...`, which a virtual queue may replace."""
        condition, _, places = data.partition("?")
        holds = is_true(resolved(condition, self._known))
        if holds is None:
            return None
        then, otherwise = _branches(places)
        return then if holds else otherwise

    def _goto(self, step: DialplanPriority, where: str, steps: Sequence[DialplanPriority]) -> DialplanTarget | None:
        given = [resolved(each, self._known) for each in arguments(where)]
        if any(UNKNOWN in each for each in given):
            return self._here(step)
        priority, extension, context = [*reversed(given), "", ""][:3]
        extension, context = extension or self._extension, context or self._context
        if extension.startswith("_") or not (extension and priority):
            return None
        if not priority.isdigit() and extension == self._extension and context == self._context:
            priority = next((str(each.priority) for each in steps if each.label == priority), priority)
        return DialplanTarget(context, extension, priority)


def _branches(places: str) -> tuple[str, str]:
    """``then:otherwise`` of a GotoIf, at the first colon that is in no variable."""
    depth = 0
    for at, char in enumerate(places):
        if char in "({":
            depth += 1
        elif char in ")}":
            depth -= 1
        elif char == ":" and not depth:
            return places[:at].strip(), places[at + 1 :].strip()
    return places.strip(), ""
