"""Makes the lab's sounds: music, tones and RTP-ready speech, each with frequencies of its own.

Rule of this file: what is played can be told apart by its frequency alone, so that a test proves
who hears whom. Everything is 8 kHz, mono, plain 16-bit PCM: Asterisk refuses extended wav headers.
"""

import math
import wave
from pathlib import Path

RATE = 8000
# No tone is a harmonic of another, none is a DTMF frequency.
TONES = {"caller": 440.0, "agent": 620.0, "third": 1050.0, "music": 310.0, "apology": 510.0}
AMPLITUDE = 9000


def make(folder: Path) -> None:
    """Fill the folder: `tones/<name>.wav` and `.ulaw` for each tone, `moh/music.wav`."""
    (folder / "tones").mkdir()
    (folder / "moh").mkdir()
    for name, frequency in TONES.items():
        samples = tone(frequency, 2.0)
        write_wav(folder / "tones" / f"{name}.wav", samples)
        write_ulaw(folder / "tones" / f"{name}.ulaw", samples)
    write_wav(folder / "moh" / "music.wav", tone(TONES["music"], 20.0))


def tone(frequency: float, seconds: float) -> list[int]:
    """A sine of whole periods within the second, so that a loop has no click."""
    step = 2 * math.pi * frequency / RATE
    return [round(AMPLITUDE * math.sin(step * n)) for n in range(int(RATE * seconds))]


def write_ulaw(path: Path, samples: list[int]) -> None:
    """As SIPp sends it."""
    path.write_bytes(bytes(map(_ulaw, samples)))


def write_wav(path: Path, samples: list[int]) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))


def read_wav(path: Path) -> tuple[int, list[int]]:
    """The sampling rate and the samples of a mono 16-bit file, also while it is being written."""
    data = path.read_bytes()
    rate = int.from_bytes(data[24:28], "little")
    # The length in the header is only right once the file is closed.
    start = data.find(b"data") + 8
    length = (len(data) - start) // 2 * 2
    return rate, list(memoryview(data[start : start + length]).cast("h")) if start >= 8 else []


def level(samples: list[int], rate: int, frequency: float) -> float:
    """Goertzel: the amplitude of one frequency, as a share of full scale."""
    if not samples:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / rate)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = last * last + before * before - coefficient * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(samples) / 32768


def _ulaw(sample: int) -> int:
    """G.711 mu-law of one sample (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) & 0xFF
