"""Checks one PBX over ARI and AMI, as far as the user's permissions allow. Nothing on the PBX is changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from callbridge.cli.client import Client
from callbridge.cli.conf_files import read_conf
from callbridge.cli.doctor import browser_phones, dead_phones, devices, dialplan, endpoints, hints, rules
from callbridge.cli.doctor.ami import AmiRefused, AmiSession, AmiTrouble, Message
from callbridge.cli.doctor.ari import AriSession, AriTrouble
from callbridge.cli.doctor.findings import Finding, fault, ok, unseen, warning
from callbridge.core.model.plan import AMD_CONTEXT, MACHINE_CONTEXT, SAFE_HARBOUR_CONTEXT
from callbridge.settings.instance import PbxConfig
from callbridge.settings.media import sounds
from callbridge.settings.models import Settings
from callbridge.wire.ari import CONNECTED_LINE_CONTEXT
from callbridge.wire.asterisk_conf import Conf, ConfEntry, ConfSection

CONFS = ("ari.conf", "http.conf", "manager.conf", "stasis.conf", "musiconhold.conf")
CLOCK_DOUBT = 1.0
"""Seconds between the PBX's clock and ours beyond which times of arrival would look odd."""
CONTEXTS = ("callbridge-inbound",)


@dataclass(slots=True)
class Patient:
    """One PBX, what we want of it, and what is known of it beforehand."""

    pbx: PbxConfig
    settings: Settings
    etc: Path | None = None
    owned: bool | None = None
    """Whether a callbridge that answers on our own HTTP address is connected to this PBX."""
    endpoints: endpoints.Endpoints = field(default_factory=endpoints.Endpoints)
    """The phones of agents and the trunks, once ARI has listed them."""
    ties: Sequence[tuple[str, str]] = ()
    """Endpoints of tie lines to other PBXs, and the settings that name them."""
    contexts: Sequence[str] = ()
    """Further contexts that the dialplan must have."""
    running: frozenset[str] = frozenset()
    """The modules of the PBX, once ARI has listed them."""

    @property
    def client(self) -> Client:
        http = self.settings.http
        tokens = [http.token, *(each.token for each in http.tokens)]
        token = next((each.get_secret_value() for each in tokens if each is not None), "")
        return Client(f"http://{http.host}:{http.port}", token)

    @property
    def browser_phones(self) -> dict[str, str]:
        return browser_phones.phones_of(self.settings, self.pbx)

    @property
    def phones(self) -> list[str]:
        return [phone for agent in self.settings.agents.values() for phone in agent.all_phones]


async def examine(patient: Patient) -> AsyncIterator[Finding]:
    """Everything about one PBX."""
    try:
        async with AriSession(patient.pbx.ari.url, patient.pbx.ari.user, _password(patient)) as ari:
            async for finding in _ari(ari, patient):
                yield finding
    except AriTrouble as trouble:
        todo = "check that Asterisk is running, http.conf (enabled = yes, bindaddr, bindport) and pbx.ari.url"
        yield fault("ari", f"no answer at {patient.pbx.ari.url}: {trouble}", todo)
    confs: dict[str, Conf] = {}
    ami = patient.pbx.ami
    try:
        async with AmiSession(ami.host, ami.port, ami.user, ami.secret.get_secret_value()) as session:
            async for finding in _ami(session, patient, confs):
                yield finding
    except AmiTrouble as trouble:
        todo = "check manager.conf (enabled = yes, bindaddr, port) and pbx.ami"
        yield fault("ami", f"no answer at {ami.host}:{ami.port}: {trouble}", todo)
    for finding in _files(patient, confs):
        yield finding


def _password(patient: Patient) -> str:
    return patient.pbx.ari.password.get_secret_value()


# -- ARI ------------------------------------------------------------------------------------------------------------


async def _ari(ari: AriSession, patient: Patient) -> AsyncIterator[Finding]:
    status, info = await ari.get("/asterisk/info")
    user = patient.pbx.ari.user
    if status == 401:
        yield fault("ari user", f"ARI refused the login of {user}", "user and password must be the same in ari.conf and pbx.ari")
        return
    if status == 403:
        yield fault("ari user", f"ARI refuses {user} from this address", "check deny, permit and acl in ari.conf and http.conf")
        return
    if not isinstance(info, dict):
        if status == 404:
            yield fault(
                "ari", "ARI answers, but /asterisk/info is missing: res_ari_asterisk is not loaded, or this is not ARI", _URL_HINT
            )
        else:
            yield fault("ari", f"unexpected response from ARI: status {status}", _URL_HINT)
    else:
        for finding in _information(info, patient.settings):
            yield finding
    if await ari.may_write():
        yield ok("ari user", f"{user} has write access")
    else:
        yield fault("ari user", f"{user} is read-only: callbridge cannot control calls", f"ari.conf: [{user}] read_only = no")
    async for finding in _loaded(ari, patient):
        yield finding
    async for finding in _application(ari, patient):
        yield finding
    async for finding in _phones(ari, patient):
        yield finding
    patient.endpoints = await endpoints.read(ari, [*patient.phones, *patient.settings.trunks])
    for finding in dead_phones.examine(patient.endpoints):
        yield finding
    most = {phone: patient.endpoints.contacts.get(phone, 0) for phone in patient.phones}
    several = [id for id, one in patient.settings.agents.items() if len(one.phones) > 1 or most.get(one.first_phone, 0) > 1]
    for finding in await asyncio.to_thread(list, devices.examine(patient.client.explain, several)) if patient.owned else ():
        yield finding
    for finding in endpoints.several_contacts(most, endpoints.called_at_one_device(patient.settings)):
        yield finding
    if found := patient.browser_phones:
        async for finding in browser_phones.examine(ari, found, patient.pbx, patient.running):
            yield finding
    async for finding in _sounds(ari, patient):
        yield finding


_URL_HINT = "check pbx.ari.url (http://HOST:8088/ari); modules.conf: load = res_ari_asterisk.so"


def _information(info: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    yield from rules.version(str((info.get("system") or {}).get("version", "")))
    config = info.get("config") or {}
    files = int(config.get("max_open_files") or 0)
    if 0 < files < 4096:
        said = f"the PBX can open only {files} files, and each call needs several"
        yield warning("pbx limits", said, "asterisk.conf: maxfiles = 20000")
    started = str((info.get("status") or {}).get("startup_time", ""))
    yield from time_zone(started, settings.instance.timezone)


def time_zone(started: str, zone: str) -> Iterator[Finding]:
    """``started``: a moment with the PBX's offset, as ARI says it (``2026-11-22T00:33:00.123+0000``)."""
    try:
        at = datetime.strptime(started, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        yield unseen("time zone", "the PBX does not report its time zone")
        return
    ours = at.astimezone(ZoneInfo(zone)).utcoffset()
    if at.utcoffset() == ours:
        yield ok("time zone", f"the PBX uses the time of {zone}")
    else:
        theirs = at.strftime("%z")
        said = f"the PBX runs at {theirs}, instance.timezone is {zone}: logs and time conditions in the dialplan differ"
        yield warning("time zone", said, "harmless if intended; otherwise correct one of them")


async def _loaded(ari: AriSession, patient: Patient) -> AsyncIterator[Finding]:
    status, listed = await ari.get("/asterisk/modules")
    if status != 200 or not isinstance(listed, list):
        yield unseen("modules", f"ARI does not list them ({status})", "`module show` in Asterisk's console")
        return
    running = {str(each.get("name", "")).removesuffix(".so") for each in listed if each.get("status") == "Running"}
    patient.running = frozenset(running)
    more = {"app_amd": "campaigns with amd: yes"} if any(one.amd for one in patient.settings.campaigns.values()) else {}
    if patient.browser_phones:
        more |= browser_phones.WEBRTC_MODULES
    for finding in rules.modules(running, more):
        yield finding


async def _application(ari: AriSession, patient: Patient) -> AsyncIterator[Finding]:
    name = patient.settings.instance.app
    status, listed = await ari.get("/applications")
    if status != 200 or not isinstance(listed, list):
        yield unseen("application", f"ARI does not list applications ({status})", "modules.conf: load = res_ari_applications.so")
        return
    if not any(app.get("name") == name for app in listed):
        yield ok("application", f"the name {name} is free")
    elif patient.owned:
        yield ok("application", f"{name} is used by the callbridge running here")
    else:
        said = f"the name {name} is already in use, or channels were left behind; the newest connection wins"
        todo = "if it is another callbridge or program, give each its own application name, or they displace each other"
        yield warning("application", said, todo)
    for finding in (*rules.applications(listed), *rules.prefixes(listed, name, patient.settings.instance.prefix)):
        yield finding


async def _phones(ari: AriSession, patient: Patient) -> AsyncIterator[Finding]:
    wanted = {phone: name for name, agent in patient.settings.agents.items() for phone in agent.all_phones}
    status, listed = await ari.get("/endpoints")
    if status != 200 or not isinstance(listed, list):
        yield unseen("phones", f"ARI does not list endpoints ({status})", "modules.conf: load = res_ari_endpoints.so")
        return
    known = {f"{each.get('technology')}/{each.get('resource')}": str(each.get("state", "")) for each in listed}
    for finding in (
        *rules.phones(wanted, known),
        *endpoints.missing([*endpoints.lines_out(patient.settings), *patient.ties], known),
    ):
        yield finding


async def _sounds(ari: AriSession, patient: Patient) -> AsyncIterator[Finding]:
    """Is every sound that the configuration plays in the PBX, as callers' lines can be sent it? Files with a whole path are not
    listed by it."""
    status, listed = await ari.get("/sounds")
    if status != 200 or not isinstance(listed, list):
        yield unseen("sounds", f"ARI does not list them ({status})", "modules.conf: load = res_ari_sounds.so")
        return
    known = endpoints.formats_of(listed)
    used, trunks = [*sounds(patient.settings.plan())], patient.settings.trunks
    lines = {name: values for name, values in patient.endpoints.settings.items() if name in trunks or not trunks}
    for finding in (*rules.sounds(used, known), *endpoints.transcoded(used, known, lines)):
        yield finding


# -- AMI ------------------------------------------------------------------------------------------------------------


async def _ami(ami: AmiSession, patient: Patient, confs: dict[str, Conf]) -> AsyncIterator[Finding]:
    user = patient.pbx.ami.user
    try:
        await ami.login()
    except AmiRefused as refusal:
        todo = "check user, secret, deny and permit in manager.conf, and pbx.ami"
        yield fault("ami user", f"AMI refused the login of {user}: {refusal}", todo)
        return
    yield ok("ami user", f"{user} can log in ({ami.banner})")
    allowed = await _allowed(ami)
    records = any(queue.record is not None for queue in patient.settings.plan().queues.values())
    unknown = [unseen("ami rights", "AMI does not list the user's permissions")]
    for finding in rules.actions(allowed, records=records) if allowed is not None else unknown:
        yield finding
    for each in (_states, _clock, _contexts, _dialplan, _fallback_queue):
        async for finding in each(ami, patient):
            yield finding
    async for finding in hints.examine(ami, patient.settings):
        yield finding
    for name in CONFS:
        conf = await _get_config(ami, name)
        if conf is not None:
            confs[name] = conf


async def _allowed(ami: AmiSession) -> set[str] | None:
    try:
        (answer, *_) = await ami.ask("ListCommands")
    except AmiRefused:
        return None
    return answer.keys() - {"Response", "ActionID", "Message"}


async def _states(ami: AmiSession, patient: Patient) -> AsyncIterator[Finding]:
    try:
        await ami.ask("DeviceStateList")
    except AmiRefused as refusal:
        unknown = "permission" not in str(refusal).lower()
        todo = "modules.conf: load = res_manager_devicestate.so" if unknown else f"manager.conf: write = {rules.AMI_WRITE}"
        yield fault("ami rights", f"DeviceStateList is refused ({refusal}): device states remain unknown", todo)
    else:
        yield ok("ami rights", "device states can be listed")


async def _clock(ami: AmiSession, _patient: Patient) -> AsyncIterator[Finding]:
    before = time.time()
    try:
        (answer, *_) = await ami.ask("Ping")
        theirs = float(answer.get("Timestamp", "nan"))
    except (AmiRefused, ValueError):
        theirs = float("nan")
    if theirs != theirs:  # not a number
        yield unseen("clock", "the PBX does not report its time")
        return
    offset = theirs - (before + time.time()) / 2
    if abs(offset) > CLOCK_DOUBT:
        said = f"the PBX's clock is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} ours"
        yield warning("clock", said, "synchronise both with the same time servers (chrony, systemd-timesyncd)")
    else:
        yield ok("clock", f"the PBX's clock and ours differ by {abs(offset) * 1000:.0f} ms")


async def _contexts(ami: AmiSession, patient: Patient) -> AsyncIterator[Finding]:
    settings = patient.settings
    wanted = dict.fromkeys(
        (*CONTEXTS, settings.fallback.context, CONNECTED_LINE_CONTEXT, *_of_campaigns(settings), *patient.contexts)
    )
    for context in wanted:
        try:
            lines = await ami.ask("ShowDialPlan", Context=context)
        except AmiRefused as refusal:
            if "permission" in str(refusal).lower():
                yield unseen(
                    "dialplan", f"context {context}: ShowDialPlan is refused", f"manager.conf: write = {rules.AMI_WRITE}"
                )
            else:
                todo = "extensions.conf: #include callbridge.conf (copy it again after an update), then `dialplan reload`"
                yield fault("dialplan", f"context {context} does not exist", todo)
        else:
            yield _context(context, lines, patient.settings.instance.app)
            said = [line.get("AppData", "") for line in lines if line.get("Application", "").lower() == "stasis"]
            for finding in rules.withheld_numbers(context, said):
                yield finding


async def _dialplan(ami: AmiSession, patient: Patient) -> AsyncIterator[Finding]:
    """Who can dial the feature codes, and whether its entries are ours."""
    settings = patient.settings
    try:
        plan = dialplan.read(await ami.ask("ShowDialPlan"), settings.instance.app)
    except AmiRefused:
        return  # said with the contexts
    contexts = {name: values.get("context", "") for name, values in patient.endpoints.settings.items()}
    trunks = {name: context for name, context in contexts.items() if name in settings.trunks}
    phones = {name: context for name, context in contexts.items() if name in patient.phones and name not in trunks}
    for finding in dialplan.features(plan, trunks, phones):
        yield finding
    made = settings.plan()
    expected = [*settings.entries] if len(settings.pbx) == 1 else []  # of several PBXs each has numbers of its own
    for finding in dialplan.entries(plan, expected, {*made.entries, *made.renamed_entries}):
        yield finding


def _of_campaigns(settings: Settings) -> Iterator[str]:
    """The contexts in which the dialplan does something for campaigns."""
    campaigns = settings.campaigns.values()
    if campaigns:
        yield SAFE_HARBOUR_CONTEXT
    if any(one.amd for one in campaigns):
        yield AMD_CONTEXT
    if any(one.leave_message for one in campaigns):
        yield MACHINE_CONTEXT


def _context(context: str, lines: list[Message], app: str) -> Finding:
    """The context that calls enter by must name our application."""
    named = {line.get("AppData", "").split(",")[0] for line in lines if line.get("Application", "").lower() == "stasis"}
    if context in (*CONTEXTS, AMD_CONTEXT) and named and app not in named:
        said = f"context {context} sends calls to the application {', '.join(sorted(named))}, but instance.app is {app}"
        return fault("dialplan", said, "use the same name in both")
    if context == dialplan.INBOUND and not named:
        said = f"context {context} exists, but does not call Stasis({app},...): no call arrives"
        return fault("dialplan", said, "copy callbridge.conf again: the file is incomplete; then `dialplan reload`")
    return ok("dialplan", f"context {context} exists")


async def _fallback_queue(ami: AmiSession, patient: Patient) -> AsyncIterator[Finding]:
    name = "callbridge-fallback"
    try:
        listed = await ami.ask("QueueStatus", Queue=name)
    except AmiRefused:
        return  # said with the rights
    if not any(message.get("Event") == "QueueParams" and message.get("Queue") == name for message in listed):
        said = f"queue {name} does not exist: while callbridge is down, callers only hear an apology"
        yield warning("fallback", said, f"queues.conf: add a section [{name}]")
    else:
        yield ok("fallback", f"queue {name} exists")


async def _get_config(ami: AmiSession, name: str) -> Conf | None:
    """A configuration file as AMI tells it, when our user may ask for it."""
    try:
        (answer, *_) = await ami.ask("GetConfig", Filename=name)
    except AmiRefused:
        return None
    conf = Conf()
    for key, value in answer.items():
        if key.startswith("Category-"):
            conf.sections.append(ConfSection(value, template=False))
        elif key.startswith("Line-") and conf.sections:
            left, _, right = value.partition("=")
            conf.sections[-1].entries.append(ConfEntry(left.strip(), right.strip(), name, 0))
    return conf


# -- files ----------------------------------------------------------------------------------------------------------


def _files(patient: Patient, confs: dict[str, Conf]) -> Iterator[Finding]:
    for name in CONFS:
        if name not in confs and patient.etc is not None:
            try:
                confs[name] = read_conf(patient.etc / name)
            except OSError as trouble:
                if name != "stasis.conf" or not isinstance(trouble, FileNotFoundError):
                    yield unseen(name, f"cannot be read: {trouble.strerror}")
    hidden = [name for name in CONFS if name not in confs and not (name == "stasis.conf" and patient.etc is not None)]
    if hidden:
        said = f"{', '.join(hidden)}: not readable over AMI (the user has no permission, and does not need it)"
        yield unseen("files", said, "use --etc /etc/asterisk to check them")
    if patient.etc is not None and any(one.amd for one in patient.settings.campaigns.values()):
        try:
            yield from rules.amd_conf(read_conf(patient.etc / "amd.conf"))
        except OSError:
            yield from rules.amd_conf(Conf())
    if "ari.conf" in confs:
        yield from rules.ari_conf(confs["ari.conf"])
    if "http.conf" in confs:
        yield from rules.http_conf(confs["http.conf"])
    if "manager.conf" in confs:
        yield from rules.manager_conf(confs["manager.conf"], patient.pbx.ami.user)
    if "stasis.conf" in confs or patient.etc is not None:
        yield from rules.stasis_conf(confs.get("stasis.conf"))
    if "musiconhold.conf" in confs:
        plan = patient.settings.plan()
        yield from rules.music_conf(confs["musiconhold.conf"], {queue.music for queue in plan.queues.values()})
