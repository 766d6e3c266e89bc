"""What only the files themselves show, with ``--etc``: passwords cut at a semicolon, agents whose phone is one of chan_sip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from callbridge.cli.conf_files import read_conf
from callbridge.cli.doctor import browser_phones, endpoints
from callbridge.cli.doctor.findings import Finding, fault, ok, warning
from callbridge.settings.instance import PbxConfig
from callbridge.settings.models import Settings
from callbridge.wire.asterisk_conf import Conf, ConfEntry

_SECRETS: Mapping[str, str] = {"ari.conf": "password", "manager.conf": "secret"}


def examine(etc: Path, pbx: PbxConfig, settings: Settings) -> Iterator[Finding]:
    users = {"ari.conf": (pbx.ari.user, pbx.ari.password), "manager.conf": (pbx.ami.user, pbx.ami.secret)}
    for name, (user, secret) in users.items():
        if (conf := _read(etc / name)) is not None:
            yield from passwords(conf, name, user, secret.get_secret_value())
    sip, pjsip = _read(etc / "sip.conf"), _read(etc / "pjsip.conf")
    if pjsip is not None:
        yield from cut_at_semicolons(pjsip, "pjsip.conf", "password")
    phones = {phone: id for id, agent in settings.agents.items() for phone in agent.all_phones}
    yield from chan_sip(phones, sip, pjsip)
    if browser_phones.phones_of(settings, pbx):
        if (rtp := _read(etc / "rtp.conf")) is not None:
            yield from browser_phones.rtp_conf(rtp)
        if pjsip is not None:
            yield from browser_phones.identified(pjsip, pbx)
    if pjsip is not None:
        yield from endpoints.several_contacts(contacts(phones, pjsip), endpoints.called_at_one_device(settings))


def _read(path: Path) -> Conf | None:
    try:
        return read_conf(path)
    except OSError:
        return None


def passwords(conf: Conf, name: str, user: str, ours: str) -> Iterator[Finding]:
    """A ``;`` begins a comment, also within a password. The passwords themselves are shown to nobody."""
    key, system = _SECRETS[name], "ARI" if name == "ari.conf" else "AMI"
    own = conf.section(user)
    refused = own.all(key)[-1] if own is not None and own.all(key) and own.last(key) != ours else None
    yield from cut_at_semicolons(conf, name, key, but=refused)
    if own is None or not own.all(key) or (own.last("password_format") or "plain") != "plain":
        return
    entry = own.all(key)[-1]
    if entry.value == ours:
        yield ok(name, f"the {key} of [{user}] is the one of callbridge's configuration")
    elif entry.cut:
        said = f"{_place(entry)}: the {key} of [{user}] ends at a ';', which begins a comment, so {system} refuses callbridge's"
        yield fault(name, said, r"write \; for each ; in it, or choose another without ;")
    else:
        said = f"{_place(entry)}: the {key} of [{user}] is not the one of callbridge's configuration, so {system} refuses it"
        yield fault(name, said, "write the same in both")


def cut_at_semicolons(conf: Conf, name: str, key: str, but: ConfEntry | None = None) -> Iterator[Finding]:
    """Passwords right behind which a comment begins, perhaps in them. ``but``: one that is known to be wrong."""
    for entry in dict.fromkeys(entry for section in conf.sections for entry in section.all(key)):
        if entry.cut and entry != but:
            said = f"{_place(entry)}: this {key} ends at a ';', which begins a comment"
            yield warning(name, said, r"if the ; belongs to it, write \;; otherwise put a space before the comment")


def _place(entry: ConfEntry) -> str:
    return f"{entry.file}:{entry.line}"


def chan_sip(phones: Mapping[str, str], sip: Conf | None, pjsip: Conf | None) -> Iterator[Finding]:
    """``phones``: phone -> agent."""
    peers, there_now = _names(sip), _names(pjsip)
    for phone, agent in phones.items():
        technology, _, resource = phone.partition("/")
        if technology == "SIP" and resource in peers | there_now:
            there = f"; PJSIP/{resource} exists as well" if resource in there_now else ""
            said = f"{phone} of agent {agent} is a chan_sip phone{there}"
            todo = "convert the extension to PJSIP (FreePBX: Extensions > the extension > Advanced > Change SIP Driver); "
            yield warning("chan_sip", said, f"{todo}Asterisk 21 and newer have no chan_sip")
        elif technology == "PJSIP" and resource in peers and resource not in there_now:
            said = f"{phone} of agent {agent} does not exist: {resource} is registered by chan_sip only"
            yield fault("chan_sip", said, f"convert the extension to PJSIP, or write phone: SIP/{resource}")


def contacts(phones: Iterable[str], pjsip: Conf) -> dict[str, int]:
    """How many devices may register at each of these phones, as far as the file says so."""
    found: dict[str, int] = {}
    for phone in phones:
        technology, _, name = phone.partition("/")
        aors = _of_type(pjsip, name, "endpoint", "aors") if technology.upper() == "PJSIP" else ""
        most = [_of_type(pjsip, aor.strip(), "aor", "max_contacts") for aor in aors.split(",")]
        found[phone] = sum(int(each) for each in most if each.isdecimal())
    return found


def _of_type(conf: Conf, name: str, kind: str, key: str) -> str:
    there = (section for section in conf.sections if section.name == name and not section.template)
    return next((section.last(key) or "" for section in there if section.last("type") == kind), "")


def _names(conf: Conf | None) -> set[str]:
    return {section.name for section in conf.sections if not section.template} if conf is not None else set()
