"""Makes captures of pressed keys (RFC 4733 telephone-events) that SIPp plays into a call.

Rule of this file: all keys of one call are one RTP stream whose time only grows. The captures that come
with SIPp each start at a time of their own, so a PBX drops every key that seems older than the last.
"""

import struct

EVENTS = "0123456789*#ABCD"
PAYLOAD, SSRC, VOLUME = 101, 0x1AB, 10
PACKETS, TAIL = 8, 3  # 20 ms each, of which the last is sent three times
SAMPLES = 160


def capture(digits: str, gap: float, begin: float) -> bytes:
    """A pcap file; `begin` is when in the call's stream the first key is pressed, in seconds."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    records = []
    for index, digit in enumerate(digits):
        offset = index * gap
        first = round((begin + offset) * 8000)
        for number in [*range(PACKETS), *[PACKETS - 1] * (TAIL - 1)]:
            packet = _ethernet(_event(digit, number, first))
            at = round((offset + number * 0.02) * 1_000_000)
            records.append(struct.pack("<IIII", *divmod(at, 1_000_000), len(packet), len(packet)) + packet)
    return header + b"".join(records)


def _event(digit: str, number: int, first: int) -> bytes:
    """The RTP packet: all of one key carry the time of its beginning, and a growing duration."""
    marker = 0x80 if number == 0 else 0
    sequence = (first // SAMPLES + number) & 0xFFFF
    rtp = struct.pack(">BBHII", 0x80, marker | PAYLOAD, sequence, first & 0xFFFFFFFF, SSRC)
    last = 0x80 if number == PACKETS - 1 else 0
    return rtp + struct.pack(">BBH", EVENTS.index(digit), last | VOLUME, (number + 1) * SAMPLES)


def _ethernet(payload: bytes) -> bytes:
    """Wrapped up as captured; SIPp puts its own addresses and ports in."""
    udp = struct.pack(">HHHH", 4000, 4000, 8 + len(payload), 0)
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + 8 + len(payload), 0, 0, 64, 17, 0, 0x7F000001, 0x7F000001)
    return bytes(12) + b"\x08\x00" + ip + udp + payload
