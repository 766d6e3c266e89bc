"""Writes the configuration files of one lab PBX: the baseline that callbridge's documents recommend.

Rule of this file: a pure function from the plan of a PBX to texts by file name. What a test wants
besides is appended by the plan's `extra`, so that no test ever edits a generated file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.lab.modules import modules

PBX_HOST = "127.0.0.1"
TRUNK_HOST = "127.0.0.2"
PHONES_HOST = "127.0.0.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSpec:
    """One endpoint of the PBX, and how the PBX knows where its phone is.

    Phones with the same `line` share one address: one SIPp process answers for all of them.
    """

    name: str
    contact: Literal["static", "register", "none"] = "static"
    line: str | None = None

    @property
    def address_key(self) -> str:
        return self.line or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    name: str
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that the files of one PBX are made from."""

    version: int
    modules_path: str
    sip_port: int
    http_port: int
    ami_port: int
    rtp_ports: tuple[int, int]
    ari: Login
    ami: Login
    phones: Sequence[PhoneSpec] = ()
    addresses: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    verbose: int = 0
    rtp_timeout: int = 0
    """Seconds without RTP after which the PBX ends a leg, twice as many while it is on hold. 0, Asterisk's default: never."""
    extra: Mapping[str, str] = field(default_factory=dict)


def files(plan: Plan) -> dict[str, str]:
    """The text of each configuration file."""
    texts = {
        "asterisk.conf": _asterisk(plan),
        "modules.conf": _modules(plan),
        "logger.conf": _logger(plan),
        "extensions.conf": _extensions(plan),
        "pjsip.conf": "\n".join(_pjsip(plan)),
        "http.conf": _http(plan),
        "ari.conf": _ari(plan),
        "manager.conf": _manager(plan),
        "rtp.conf": f"[general]\nrtpstart={plan.rtp_ports[0]}\nrtpend={plan.rtp_ports[1]}\nicesupport=yes\n",
    } | _STATIC
    for name, text in plan.extra.items():
        texts[name] = texts.get(name, "") + "\n" + text
    return texts


_STATIC = {
    # VarSet is more than half of all events, and nobody here reads it.
    "stasis.conf": "[declined_message_types]\ndecline=ast_channel_varset_type\n",
    "musiconhold.conf": "[default]\nmode=files\ndirectory=/lab/sounds/moh\n",
    "queues.conf": (
        "[general]\npersistentmembers=yes\nautofill=yes\nshared_lastcall=yes\n\n"
        "[callbridge-fallback]\nmusicclass=default\nstrategy=rrmemory\nringinuse=no\ntimeout=20\n"
        "retry=1\njoinempty=yes\nleavewhenempty=no\n"
    ),
    "confbridge.conf": (
        "[general]\n\n[default_user]\ntype=user\nquiet=yes\n\n[default_bridge]\ntype=bridge\n\n[sample_user_menu]\ntype=menu\n"
    ),
    "features.conf": "[general]\n\n[featuremap]\n",
    "cdr.conf": "[general]\nenable=no\n",
    "cel.conf": "[general]\nenable=no\n",
    "amd.conf": "[general]\n",
    "udptl.conf": "[general]\n",
    "acl.conf": "",
    "ccss.conf": "[general]\n",
    "dnsmgr.conf": "[general]\nenable=no\n",
    "pjproject.conf": "[startup]\nlog_mappings=no\n",
    "res_parking.conf": "[general]\n",
    "websocket_client.conf": "",
    "prometheus.conf": "[general]\nenabled=no\n",
    "indications.conf": (
        "[general]\ncountry=us\n\n[us]\ndescription=Lab\nringcadence=2000,4000\ndial=350+440\n"
        "busy=480+620/500,0/500\nring=440+480/2000,0/4000\ncongestion=480+620/250,0/250\n"
    ),
}


def _asterisk(plan: Plan) -> str:
    # Named [directories] exactly: as a template it would be ignored and /etc/asterisk used.
    return f"""[directories]
astetcdir => /lab/etc
astmoddir => {plan.modules_path}
astvarlibdir => /lab/lib
astdbdir => /lab/lib
astkeydir => /lab/lib
astdatadir => /usr/share/asterisk
astagidir => /lab/lib/agi-bin
astspooldir => /lab/spool
astrundir => /lab/run
astlogdir => /lab/log

[options]
verbose = {plan.verbose}
maxfiles = 20000
live_dangerously = no
documentation_language = en_US
systemname = lab
"""


def _modules(plan: Plan) -> str:
    return "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in modules(plan.version))


def _logger(plan: Plan) -> str:
    verbose = f",verbose({plan.verbose})" if plan.verbose else ""
    return f"[general]\ndateformat=%F %T.%3q\n\n[logfiles]\nfull => notice,warning,error{verbose}\n"


def _http(plan: Plan) -> str:
    return (
        f"[general]\nenabled=yes\nenablestatic=no\nbindaddr={PBX_HOST}\nbindport={plan.http_port}\n"
        "sessionlimit=1000\nsession_keep_alive=60000\n"
    )


def _ari(plan: Plan) -> str:
    return (
        "[general]\nenabled=yes\nwebsocket_write_timeout=1000\n"
        "channelvars=CALLBRIDGE_CALL,CALLBRIDGE_ROLE\n\n"
        f"[{plan.ari.name}]\ntype=user\nread_only=no\npassword={plan.ari.secret}\n"
    )


def _manager(plan: Plan) -> str:
    return (
        f"[general]\nenabled=yes\nwebenabled=no\nbindaddr={PBX_HOST}\nport={plan.ami_port}\n\n"
        f"[{plan.ami.name}]\nsecret={plan.ami.secret}\n"
        f"deny=0.0.0.0/0.0.0.0\npermit={PBX_HOST}/255.255.255.255\n"
        "read=system,call,agent,user\nwrite=reporting,agent,call\nwritetimeout=5000\n"
        "eventfilter=Event: DeviceStateChange\n"
    )


def _extensions(plan: Plan) -> str:
    names = [phone.name for phone in plan.phones]
    numbers = "".join(f"exten => {name},1,Dial(PJSIP/{name},120)\n" for name in names)
    direct = "".join(f"exten => dial-{name},1,Dial(PJSIP/{name},120)\n" for name in names)
    return f"""[general]
static=yes
writeprotect=yes

[globals]

#include callbridge.conf

; The patterns stand in contexts of their own: what is included earlier is found first.
[from-trunk]
include => lab
include => lab-entries

[from-phones]
include => callbridge-features
include => lab
include => lab-numbers
include => lab-entries

[lab]
exten => conf-foreign,1,Answer()
 same => n,ConfBridge(foreign)
exten => foreign,1,Stasis(foreignapp)
 same => n,Hangup()
exten => echo,1,Answer()
 same => n,Echo()
exten => music,1,Answer()
 same => n,MusicOnHold(default)
{direct}
[lab-entries]
exten => _[A-Za-z0-9][A-Za-z0-9]!,1,Goto(callbridge-inbound,${{EXTEN}},1)

[lab-numbers]
{numbers}"""


def _pjsip(plan: Plan) -> Iterator[str]:
    yield f"""[global]
type=global
user_agent=lab
endpoint_identifier_order=ip,username
taskprocessor_overload_trigger=pjsip_only

[transport-udp]
type=transport
protocol=udp
bind={PBX_HOST}:{plan.sip_port}

[lab-endpoint](!)
type=endpoint
transport=transport-udp
disallow=all
allow=ulaw
direct_media=no
rtp_symmetric=yes
dtmf_mode=rfc4733
rtp_timeout={plan.rtp_timeout}
rtp_timeout_hold={2 * plan.rtp_timeout}

[trunk](lab-endpoint)
context=from-trunk
aors=trunk
trust_id_inbound=yes

[trunk]
type=aor

[trunk]
type=identify
endpoint=trunk
match={TRUNK_HOST}

[lab-phone](!,lab-endpoint)
context=from-phones
"""
    for phone in plan.phones:
        yield f"[{phone.name}](lab-phone)\naors={phone.name}\n"
        yield f"[{phone.name}]\ntype=aor\n{_aor(plan, phone)}\n"


def _aor(plan: Plan, phone: PhoneSpec) -> str:
    match phone.contact:
        case "static":
            host, port = plan.addresses[phone.address_key]
            return f"contact=sip:{phone.name}@{host}:{port}\nqualify_frequency=0\n"
        case "register":
            return "max_contacts=1\nremove_existing=yes\nqualify_frequency=0\n"
        case "none":
            return "max_contacts=0\n"
