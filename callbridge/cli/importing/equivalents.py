"""What callbridge does instead of each setting of app_queue and of FreePBX, and which values need no equivalent."""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.wire.asterisk_conf import ConfEntry

CARRIED = frozenset(
    {
        *("member", "timeout", "wrapuptime", "musicclass", "musiconhold", "music", "servicelevel", "strategy"),
        *(
            "autopause",
            "autopausebusy",
            "autopauseunavail",
            "maxlen",
            "joinempty",
            "leavewhenempty",
            "context",
            "announce",
            "monitor-format",
            "monitor-type",
        ),
        *("announce-frequency", "announce-position", "announce-holdtime", "defaultrule"),
        *("periodic-announce", "periodic-announce-frequency"),
        *("queue-thereare", "queue-callswaiting", "queue-holdtime", "queue-minutes", "queue-thankyou"),
    }
)
"""Keys of which something becomes of ours."""

STRATEGIES: Mapping[str, str] = {
    "ringall": "all phones rang at once; now one at a time does, the longest idle first",
    "leastrecent": "",
    "fewestcalls": "fewest calls first has no equivalent; now the longest idle first",
    "random": "random order has no equivalent; now the longest idle first",
    "rrmemory": "",
    "rrordered": "",
    "roundrobin": "",
    "linear": "the order of the file has no equivalent; give levels and pick: highest_level",
    "wrandom": "random order weighted by penalty has no equivalent; the penalties are levels now",
}
"""What is different. Round robin is so close to longest idle that nothing needs to be said."""

WHY: Mapping[str, str] = {
    "weight": "no queue outweighs another: the caller whose target is due first is served first; see target and head_start",
    "retry": "an offer that fails is followed by the next at once, to another agent",
    "autopausedelay": "see no_answer: {rest: 10s}",
    "timeoutpriority": "there is one time-out: ring_for",
    "penaltymemberslimit": "see the steps",
    "memberdelay": "caller and agent are joined at once",
    "timeoutrestart": "a busy phone does not prolong the ring",
    "defaultrule": "queuerules.conf changes penalties while a caller waits: give the steps a `for:` instead",
    "setqueuevar": "see Redis and the API",
    "setinterfacevar": "see Redis and the API",
    "setqueueentryvar": "see Redis and the API",
    "membermacro": "the agent's leg runs no dialplan: see whisper: and webhooks",
    "membergosub": "the agent's leg runs no dialplan: see whisper: and webhooks",
    "queue-callerannounce": "see read_out: of the queue",
    "reportholdtime": "whisper: tells the agent {queue} and {tier}, not how long the caller has waited",
    "min-announce-frequency": "an announcement ends before the next begins; see announce: {every}",
    "random-periodic-announce": "periodic announcements come in turn",
    "relative-periodic-announce": "periodic_every counts from the last one's beginning",
    "periodic-announce-startdelay": "the first periodic announcement comes after periodic_every",
    "announce-round-seconds": "the estimated wait is announced in minutes, rounded up",
    "announce-position-limit": "everybody hears the position",
    "announce-position-only-up": "the position never gets worse",
    "queue-youarenext": "the first one hears the position, too",
    "queue-minute": "queue-minutes is played for one minute, too",
    "queue-seconds": "the estimated wait is announced in minutes",
    "queue-reporthold": "the agent does not hear how long the caller has waited",
    "log-restricted-caller-id": "who may see numbers is a matter of masking: see Redis and facts",
    "force_longest_waiting_caller": "callers are served by rank: who has waited longest, head starts counted in",
    "cron_schedule": "FreePBX restarted the queue's figures by it; they are by day here",
}

_YES, _NO = frozenset({"yes", "true", "1", "on", "y", "t"}), frozenset({"no", "false", "0", "off", "n", "f"})
_SILENT: Mapping[str, frozenset[str]] = {
    "weight": _NO,
    "retry": frozenset(map(str, range(61))),
    "autopausedelay": _NO,
    "timeoutpriority": frozenset({"app"}),
    "penaltymemberslimit": _NO,
    "memberdelay": _NO,
    "timeoutrestart": _NO,
    "setqueuevar": _NO,
    "setinterfacevar": _NO,
    "setqueueentryvar": _NO,
    "reportholdtime": _NO,
    "min-announce-frequency": frozenset({"15"}) | _NO,
    "random-periodic-announce": _NO,
    "relative-periodic-announce": _NO,
    "periodic-announce-startdelay": _NO,
    "announce-round-seconds": _NO,
    "announce-position-only-up": _NO | _YES,
    "negative_penalty_invalid": _NO,
    "queue-youarenext": frozenset({"queue-youarenext"}),
    "queue-minute": frozenset({"queue-minute"}),
    "queue-seconds": frozenset({"queue-seconds"}),
    "queue-reporthold": frozenset({"queue-reporthold"}),
    "queue-callerannounce": _NO,
    "log-caller-id-name": _NO,
    "log_unpause_on_reason_change": _NO,
    "force_longest_waiting_caller": _NO,
    "cron_random": _NO,
    "cron_schedule": frozenset({"never"}),
    "rvolume": _NO,
    "rtone": _NO,
}
"""Values that ask for nothing: app_queue's or FreePBX's defaults, and what callbridge does anyway."""
_ALWAYS_SILENT = frozenset(
    {
        *("autofill", "shared_lastcall", "updatecdr", "eventwhencalled", "eventmemberstatus", "log_membername_as_agent"),
        *("monitor-type", "monitor-join", "skip_joinannounce", "answered_elsewhere", "cwignore", "recording", "queue-lessthan"),
        *("ringinuse", "announce-to-first-user", "realtime_members_unavailable", "keepstats", "queue-hours", "queue-hour"),
    }
)
"""callbridge always does so, or the setting concerns something that callbridge does not have."""


def is_silent(entry: ConfEntry) -> bool:
    """Whether leaving out a setting changes nothing."""
    key, value = entry.key.lower(), entry.value.strip().lower()
    silence = key.startswith("queue-") and (value == "silence/1" or not value)
    return not value or silence or key in _ALWAYS_SILENT or value in _SILENT.get(key, frozenset())


def is_yes(value: str) -> bool:
    return value.strip().lower() in _YES


def is_no(value: str) -> bool:
    return value.strip().lower() in _NO
