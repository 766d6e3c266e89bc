"""The dialplan as the PBX has it: who can dial the feature codes, and do its entries and ours agree?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from callbridge.cli.doctor.findings import Finding, fault, ok, warning

INBOUND, FEATURES, FEATURE = "callbridge-inbound", "callbridge-features", "callbridge-feature"
MAX_NAMED = 6
_GOTO = re.compile(r"(?:^|[?:,(&])\s*([A-Za-z0-9_-]+),((?:\$\{[^}]*\}|[^,()?:{}])+),[^,()?:]+")
"""``context,extension,priority``, plain or behind the condition of a GotoIf."""
_LOCAL = re.compile(r"Local/([^@&,]+)@([A-Za-z0-9_-]+)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9-]+")


@dataclass(slots=True)
class LoadedDialplan:
    """What ShowDialPlan lists. ``goes``: context -> contexts that it includes, or to which it passes on what was dialled."""

    contexts: set[str] = field(default_factory=set)
    goes: dict[str, set[str]] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    """Entry -> the place that names it."""
    by_variable: str = ""
    """A place that names its entry by a variable."""

    def reach(self, context: str) -> set[str]:
        """All contexts whose extensions can be dialled in this one."""
        found, left = {context}, [context]
        while left:
            for to in self.goes.get(left.pop(), ()):
                if to not in found:
                    found.add(to)
                    left.append(to)
        return found


def read(lines: Iterable[Mapping[str, str]], app: str) -> LoadedDialplan:
    """``lines``: the events of AMI's ShowDialPlan for all contexts; ``app``: our Stasis application."""
    plan = LoadedDialplan()
    for line in lines:
        context = line.get("Context", "")
        if not context:
            continue
        plan.contexts.add(context)
        if included := line.get("IncludeContext"):
            plan.goes.setdefault(context, set()).add(included.partition(",")[0].strip())
            continue
        place = f"{context},{line.get('Extension', '')}"
        for to, extension in _targets(line.get("Application", ""), line.get("AppData", ""), app):
            if to == INBOUND and not context.startswith("callbridge-"):
                if _NAME.fullmatch(extension):
                    plan.entries.setdefault(extension, place)
                else:
                    plan.by_variable = plan.by_variable or place
            if extension.startswith("${EXTEN"):
                plan.goes.setdefault(context, set()).add(to)
    return plan


def _targets(application: str, data: str, app: str) -> Iterator[tuple[str, str]]:
    """The context and the extension to which a step of the dialplan sends a call."""
    if application.lower() == "stasis":
        arguments = [each.strip() for each in data.split(",")]
        if arguments[:2] == [app, "inbound"] and len(arguments) > 2:
            yield INBOUND, arguments[2]
    elif application.lower().startswith(("goto", "gosub")):
        yield from ((found[1], found[2].strip()) for found in _GOTO.finditer(data))
    yield from ((found[2], found[1]) for found in _LOCAL.finditer(data))


def features(plan: LoadedDialplan, trunks: Mapping[str, str], phones: Mapping[str, str]) -> Iterator[Finding]:
    """``trunks``, ``phones``: endpoint -> the context of its calls."""
    if FEATURES not in plan.contexts:
        said = f"context {FEATURES} does not exist: agents cannot log in or pause by codes at their phones"
        yield warning("feature codes", said, "extensions.conf: #include callbridge.conf, then `dialplan reload`")
        return
    exposed = {trunk: context for trunk, context in trunks.items() if plan.reach(context) & {FEATURES, FEATURE}}
    for trunk, context in exposed.items():
        said = f"{FEATURES} can be reached from [{context}], the context of {trunk}: outside callers can dial the feature codes"
        todo = f"extensions.conf: include {FEATURES} in the phones' context only, not in [{context}] or what it includes"
        yield fault("feature codes", said, todo)
    without: dict[str, list[str]] = {}
    for phone, context in phones.items():
        if not plan.reach(context) & {FEATURES, FEATURE}:
            without.setdefault(context, []).append(phone)
    for context, those in without.items():
        said = f"{FEATURES} is not in [{context}], the context of {_some(those)}: feature codes are not known there"
        own = f"{context}-custom" if f"{context}-custom" in plan.reach(context) else context
        yield warning("feature codes", said, f"extensions.conf: [{own}] include => {FEATURES}, then `dialplan reload`")
    if phones and not exposed and not without:
        yield ok("feature codes", "agents' phones can dial them" + (", trunks cannot" if trunks else ""))


def entries(plan: LoadedDialplan, configured: Collection[str], usable: Collection[str]) -> Iterator[Finding]:
    """``configured``: the entries of the configuration; ``usable``: all names by which a call may enter, former ones, too."""
    strangers = {name: place for name, place in plan.entries.items() if name not in usable}
    for name, place in strangers.items():
        near = get_close_matches(name, usable, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        said = f"the dialplan ({place}) sends calls to the entry {name}, which is not configured: they go to the fallback{hint}"
        yield fault("entries", said, f"add entries.{name} to the configuration, or correct the dialplan")
    unnamed = [name for name in configured if name not in plan.entries]
    if unnamed and plan.by_variable:
        said = f"{plan.by_variable} names entries by a variable; entries without a line of their own: {_some(unnamed)}"
        yield ok("entries", said)
    elif unnamed:
        said = f"no line of the dialplan names {_some(unnamed)}: no call arrives there"
        yield warning(
            "entries", said, f"extensions.conf: exten => NUMBER,1,Goto({INBOUND},{unnamed[0]},1), or remove it from entries"
        )
    elif not strangers and configured:
        yield ok("entries", "the dialplan names every entry of the configuration")


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
