"""The requirements of callbridge on a PBX, and the checks of what was found there. Pure: no connection."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from callbridge.cli.doctor.findings import Finding, fault, ok, unseen, warning
from callbridge.wire.asterisk_conf import Conf

TAGS = ("CALLBRIDGE_CALL", "CALLBRIDGE_ROLE")

MODULES: Mapping[str, str] = {
    "app_stasis": "calls enter by Stasis()",
    "res_stasis": "ARI's applications",
    "res_stasis_answer": "answering a call",
    "res_stasis_playback": "announcements, the beep of nailed-up agents",
    "res_ari": "ARI itself",
    "res_ari_applications": "which channels are ours",
    "res_ari_bridges": "joining caller and agent",
    "res_ari_channels": "ringing, hanging up, music",
    "res_ari_endpoints": "whether a phone is in use elsewhere",
    "res_ari_events": "the events' socket",
    "res_ari_playbacks": "stopping announcements",
    "res_http_websocket": "the events' socket",
    "res_manager_devicestate": "AMI's list of the phones' states",
    "res_musiconhold": "music on hold for waiting callers",
    "bridge_simple": "joining caller and agent",
    "pbx_config": "the dialplan",
    "func_strings": "FILTER() and LEN() in callbridge.conf",
}
"""Calls fail if any of these is missing."""
HELPFUL_MODULES: Mapping[str, str] = {
    "app_queue": "the fallback queue while callbridge is away",
    "app_stack": "keeping withheld numbers off agents' phones when the other party of a conversation changes",
    "app_playback": "the apology while callbridge is away",
    "bridge_native_rtp": "without it all audio passes through the PBX core",
    "bridge_softmix": "recording and three-way calls",
    "func_hangupcause": "noticing within seconds that a phone does not reply",
    "res_ari_sounds": "checking that prompts exist",
    "res_stasis_snoop": "supervision (listen, whisper)",
    "res_stasis_recording": "recording",
}

NEEDED_ACTIONS: Mapping[str, str] = {
    "DeviceStateList": "write=reporting (or call) for this user, and module res_manager_devicestate",
}
HELPFUL_ACTIONS: Mapping[str, str] = {
    "QueueStatus": "the fallback queue is seen",
    "QueueAdd": "the fallback queue's members mirror the agents: write=agent",
    "QueueRemove": "the fallback queue's members mirror the agents: write=agent",
    "QueuePause": "the fallback queue's members mirror the agents: write=agent",
    "Redirect": "callers who wait in the fallback queue are taken back: write=call",
}
AMI_READ, AMI_WRITE = "call", "reporting,agent,call"
"""The permissions of the AMI user, as in dialplan/samples/manager.conf."""
DANGEROUS_ACTIONS: Mapping[str, str] = {
    "Originate": "originate",
    "Command": "command",
    "UpdateConfig": "config",
    "ModuleLoad": "system",
}
"""Actions that callbridge never uses, and the permission that allows each."""


# -- the version ----------------------------------------------------------------------------------------------------

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-?(rc\d+))?")
_FIXED: Mapping[int, tuple[int, int]] = {20: (20, 1), 22: (10, 1)}
"""First (minor, patch) of each maintained branch with all known fixes for ARI and AMI."""
_UPGRADE = "upgrade to the newest 22 or 20"


def version(text: str) -> Iterator[Finding]:
    """Known problems of a version. Distributions backport fixes, so the number is only an indication."""
    found = _VERSION.search(text)
    if found is None:
        yield unseen("version", f"unrecognised version: {text[:40]!r}")
        return
    major, minor, patch = int(found[1]), int(found[2]), int(found[3] or 0)
    if major < 16:
        yield fault("version", f"Asterisk {text}: callbridge requires 16 or newer", _UPGRADE)
    elif found[4] and (major, minor) in ((20, 21), (22, 11)):
        yield fault("version", f"Asterisk {text}: this release candidate can crash on a WebSocket keep-alive", _UPGRADE)
    elif major in _FIXED:
        yield from _living(major, minor, patch, text)
    elif major in (16, 18):
        said = f"Asterisk {text}: this branch gets no more security fixes, and ARI can write files by setting variables"
        yield warning("version", said, f"{_UPGRADE}; until then, allow only trusted programs on ARI and AMI, on loopback")
    else:
        yield warning("version", f"Asterisk {text}: callbridge is tested on 22 and 16 only", "try it with a test number first")


def _living(major: int, minor: int, patch: int, text: str) -> Iterator[Finding]:
    if (minor, patch) < _FIXED[major]:
        first = f"{major}.{_FIXED[major][0]}.{_FIXED[major][1]}"
        said = f"Asterisk {text}: vulnerable (read-only ARI users can load modules, variables can write files), fixed in {first}"
        yield warning("version", said, f"upgrade to {first} or newer; until then, bind ARI and AMI to loopback only")
    else:
        yield ok("version", f"Asterisk {text}")


# -- modules, rights ------------------------------------------------------------------------------------------------


def modules(running: Collection[str], more: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """``running``: names without ``.so``."""
    needed = {**MODULES, **(more or {})}
    missing = {name: why for name, why in needed.items() if name not in running}
    for name, why in missing.items():
        yield fault("modules", f"{name} is not loaded: {why}", f"modules.conf: load = {name}.so (or `module load {name}.so`)")
    for name, why in HELPFUL_MODULES.items():
        if name not in running:
            yield warning("modules", f"{name} is not loaded: {why}", f"modules.conf: load = {name}.so, if needed")
    if not missing:
        yield ok("modules", f"all {len(needed)} required modules are loaded")


def actions(allowed: Collection[str], *, records: bool = False) -> Iterator[Finding]:
    """``allowed``: names of the AMI actions that the user may use, from ListCommands; ``records``: some queue records
    calls, which needs the permission ``system``."""
    known = {name.lower() for name in allowed}
    missing = [name for name in HELPFUL_ACTIONS if name.lower() not in known]
    for name in missing:
        yield warning("ami rights", f"{name} is refused: {HELPFUL_ACTIONS[name]}", f"manager.conf: write = {AMI_WRITE}")
    if records and "mixmonitor" not in known:
        todo = f"manager.conf: write = {AMI_WRITE},system, and module app_mixmonitor"
        yield fault("ami rights", "MixMonitor is not permitted: no call would be recorded", todo)
    dangerous = {right for name, right in DANGEROUS_ACTIONS.items() if name.lower() in known}
    if records:
        dangerous.discard("system")
    if dangerous:
        said = f"the user has permissions that callbridge never uses: {', '.join(sorted(dangerous))}"
        yield warning(
            "ami rights", said, f"manager.conf: write = {AMI_WRITE} is enough; anyone with the secret has these permissions"
        )
    if not missing and not dangerous:
        yield ok("ami rights", "exactly the required permissions")


# -- who else is there ----------------------------------------------------------------------------------------------


MAX_SOUNDS = 10


def sounds(used: Iterable[tuple[str, str]], known: Collection[str]) -> Iterator[Finding]:
    """``used``: where each sound is played, and its name."""
    missing = {name: where for where, name in used if name not in known and not name.startswith("/")}
    for name, where in sorted(missing.items())[:MAX_SOUNDS]:
        todo = (
            "run `callbridge prompts` to generate it"
            if name.startswith("callbridge/")
            else "install it, or configure another sound"
        )
        yield warning("sounds", f"the PBX has no sound {name!r}, which {where} plays: callers hear nothing", todo)
    if len(missing) > MAX_SOUNDS:
        yield warning("sounds", f"and {len(missing) - MAX_SOUNDS} more", "see above")
    if not missing:
        yield ok("sounds", "all configured sounds exist")


def applications(listed: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Applications that are subscribed to everything can hang 22.4 and newer when they disconnect."""
    for app in listed:
        ids = [str(each) for key in ("channel_ids", "bridge_ids", "device_names", "endpoint_ids") for each in app.get(key) or ()]
        if any(each.startswith("__AST_") for each in ids):
            said = f"application {app.get('name')!r} is subscribed to everything (subscribeAll): its disconnect can hang this PBX"
            yield warning("other programs", said, "connect it with subscribeAll=false (20.14 and newer, 22.4 and newer)")


def prefixes(listed: Sequence[Mapping[str, Any]], app: str, prefix: str) -> Iterator[Finding]:
    """Another application with ids that begin like ours: most likely a second callbridge."""
    for other in listed:
        ids = [str(each) for key in ("channel_ids", "bridge_ids") for each in other.get(key) or ()]
        alike = [each for each in ids if each.startswith(f"{prefix}-")]
        if other.get("name") != app and alike:
            said = f"{len(alike)} channels and bridges of application {other.get('name')!r} have ids with our prefix, {prefix}-"
            yield warning("other programs", said, "an instance.prefix of its own for each instance.app (by default it has one)")


# -- phones ---------------------------------------------------------------------------------------------------------


def phones(wanted: Mapping[str, str], known: Mapping[str, str]) -> Iterator[Finding]:
    """``wanted``: phone -> agent; ``known``: endpoint -> state, as ARI says it."""
    states = {name.upper(): state for name, state in known.items()}
    missing = [phone for phone in wanted if phone.upper() not in states]
    for phone in missing:
        near = " (no endpoints are listed at all)" if not known else ""
        todo = "correct the agent's phone, or create the endpoint"
        technology, _, name = phone.partition("/")
        if technology.upper() == "PJSIP" and f"SIP/{name}".upper() in states:
            near = f", but SIP/{name} is: a phone of chan_sip, which Asterisk 21 and newer do not have"
            todo = f"convert the phone to PJSIP, or write phone: SIP/{name}"
        yield fault("phones", f"{phone} of agent {wanted[phone]} is not an endpoint of the PBX{near}", todo)
    offline = [phone for phone in wanted if states.get(phone.upper()) == "offline"]
    if offline:
        some = ", ".join(offline[:6]) + (", ..." if len(offline) > 6 else "")
        yield warning(
            "phones",
            f"{len(offline)} of {len(wanted)} cannot be reached: {some}",
            "check that they are switched on and registered",
        )
    if wanted and not missing:
        there = (
            f"all {len(wanted)} phones of agents are endpoints, {len(wanted) - len(offline)} can be reached or are not monitored"
        )
        yield ok("phones", there)


# -- the dialplan ---------------------------------------------------------------------------------------------------


def withheld_numbers(context: str, said: Iterable[str]) -> Iterator[Finding]:
    """``said``: the arguments of each Stasis() in the context."""
    if any(args.split(",")[1:2] == ["inbound"] and "CALLERID(num-pres)" not in args for args in said):
        problem = f"context {context} does not tell which numbers are withheld: agents and other systems would be shown them"
        yield fault("dialplan", problem, "copy dialplan/callbridge.conf again: Stasis() gets ${CALLERID(num-pres)}")


# -- what only configuration files show -----------------------------------------------------------------------------


def ari_conf(conf: Conf) -> Iterator[Finding]:
    tags = [tag.strip() for tag in (conf.value("general", "channelvars") or "").split(",")]
    missing = [tag for tag in TAGS if tag not in tags]
    if missing:
        said = f"channelvars lacks {', '.join(missing)}: calls cannot be recovered after a restart"
        yield fault("ari.conf", said, f"[general] channelvars = {','.join([*filter(None, tags), *missing])}")
    else:
        yield ok("ari.conf", "channelvars contains the required variables")
    if sum(section.name == "general" for section in conf.sections) > 1:
        yield fault("ari.conf", "more than one [general] section: Asterisk disables ARI", "merge them")
    yield from _at_least(conf, "ari.conf", "websocket_write_timeout", 100, 500, "ms: a short delay closes the WebSocket", "1000")


def http_conf(conf: Conf) -> Iterator[Finding]:
    yield from _at_least(
        conf, "http.conf", "sessionlimit", 100, 500, "connections: further ones are closed without an answer", "1000"
    )
    address = conf.value("general", "bindaddr") or conf.value("general", "tlsbindaddr") or ""
    yield from _bound("http.conf", address, "ARI")


def manager_conf(conf: Conf, user: str) -> Iterator[Finding]:
    section = conf.section(user)
    if section is None:
        yield unseen("manager.conf", f"the user {user} was not found in the readable part")
        return
    rights = {right.strip() for right in (section.last("read") or "").split(",")}
    if not rights & {"call", "all"}:
        said = f"[{user}] read lacks call: changes of device states are not received"
        yield fault("manager.conf", said, f"read = {AMI_READ}")
    else:
        yield ok("manager.conf", f"[{user}] receives device states")
    given = section.last("writetimeout") or conf.value("general", "writetimeout") or "100"
    if given.isdigit() and int(given) < 1000:
        said = f"writetimeout is {given} ms: a short delay ends the session"
        yield warning("manager.conf", said, f"[{user}] writetimeout = 5000")
    yield from _bound("manager.conf", conf.value("general", "bindaddr") or "0.0.0.0", "AMI")


def stasis_conf(conf: Conf | None) -> Iterator[Finding]:
    """What VarSet costs, and what it costs to be rid of it: nothing is switched off without being asked for."""
    declined = conf.section("declined_message_types") if conf is not None else None
    entries = declined.all("decline") if declined is not None else []
    if any(entry.value == "ast_channel_varset_type" for entry in entries):
        yield ok("stasis.conf", "VarSet messages are declined")
        return
    price = (
        "stasis.conf [declined_message_types] decline = ast_channel_varset_type removes them for AMI, ARI and everything "
        "else on this PBX: first make sure that no other program needs VarSet or ChannelVarset"
    )
    yield warning(
        "stasis.conf", "VarSet is more than half of all events (about 17 of 30 per leg), and callbridge does not use it", price
    )


def music_conf(conf: Conf, wanted: Iterable[str]) -> Iterator[Finding]:
    known = {section.name for section in conf.sections if not section.template}
    missing = sorted(set(wanted) - known)
    for name in missing:
        said = f"music class {name!r} of a queue does not exist: callers would wait in silence"
        yield warning("music", said, f"musiconhold.conf: add a section [{name}], unless it is stored in a database")
    if not missing:
        yield ok("music", "all music classes of the queues exist")


def _at_least(conf: Conf, name: str, key: str, default: int, least: int, about: str, better: str) -> Iterator[Finding]:
    given = conf.value("general", key) or str(default)
    if given.isdigit() and int(given) < least:
        yield warning(name, f"{key} is {given} {about}", f"[general] {key} = {better}")


def _bound(name: str, address: str, what: str) -> Iterator[Finding]:
    if address in ("0.0.0.0", "::", "[::]"):
        said = f"{what} listens on all addresses: anyone who can reach it and has a password controls the PBX"
        yield warning(name, said, "[general] bindaddr = 127.0.0.1, or use a firewall")


# -- amd.conf ---------------------------------------------------------------------------------------------------------

MAX_ANALYSIS = 2000
"""Milliseconds that are left to know whether a person has answered, and to put an agent through."""


def amd_conf(conf: Conf) -> Iterator[Finding]:
    """How long campaigns listen for machines. 5000 ms is Asterisk's own default."""
    said = conf.value("general", "total_analysis_time")
    total = int(said) if said is not None and said.strip().isdigit() else 5000
    if total > MAX_ANALYSIS:
        yield warning(
            "amd.conf",
            f"total_analysis_time is {total} ms: people who answer would wait too long",
            f"total_analysis_time = {MAX_ANALYSIS}",
        )
    else:
        yield ok("amd.conf", f"answering machine detection takes at most {total} ms")
