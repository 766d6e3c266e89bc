"""ARI as messages: WebSocket frames to events, orders to HTTP requests, lists to snapshots; nothing here does I/O."""

from callbridge.wire.ari.caller_id import caller_of, questions_of, taken_off
from callbridge.wire.ari.display import CONNECTED_LINE_CONTEXT
from callbridge.wire.ari.events import ECHO, SILENCED, Heard, read
from callbridge.wire.ari.listing import (
    Lists,
    channel_name,
    has_replied,
    inspected,
    is_audible,
    members,
    probed,
    snapshot,
    trouble_in,
)
from callbridge.wire.ari.parties import PEER, other_half, phone_of, variable_of
from callbridge.wire.ari.referrals import REFER_TO, REFERRED_BY, referral_read
from callbridge.wire.ari.requests import (
    Request,
    audio_request,
    bridge_request,
    drop,
    echo,
    event_socket,
    list_requests,
    requests,
    send_on,
    set_filter,
    set_variable,
    stamp,
    stamp_request,
    stranded_requests,
    variable_request,
)
from callbridge.wire.ari.shapes import Malformed
from callbridge.wire.ari.stranded import Stranded, stamped, stranded

__all__ = [
    "CONNECTED_LINE_CONTEXT",
    "ECHO",
    "PEER",
    "REFERRED_BY",
    "REFER_TO",
    "SILENCED",
    "Heard",
    "Lists",
    "Malformed",
    "Request",
    "Stranded",
    "audio_request",
    "bridge_request",
    "caller_of",
    "channel_name",
    "drop",
    "echo",
    "event_socket",
    "has_replied",
    "inspected",
    "is_audible",
    "list_requests",
    "members",
    "other_half",
    "phone_of",
    "probed",
    "questions_of",
    "read",
    "referral_read",
    "requests",
    "send_on",
    "set_filter",
    "set_variable",
    "snapshot",
    "stamp",
    "stamp_request",
    "stamped",
    "stranded",
    "stranded_requests",
    "taken_off",
    "trouble_in",
    "variable_of",
    "variable_request",
]
