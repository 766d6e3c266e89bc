"""Generates sound files from the configured texts with the operator's command, where they changed, and reports missing ones.

What the command writes, at any rate and with any number of channels, becomes what every Asterisk plays: 8000 samples a second,
one channel, 16 bits. Each language's folder has a list of what was made from which words: ``.made.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import wave
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from callbridge.settings.media import sounds
from callbridge.settings.models import Settings
from callbridge.settings.speech import OURS, SpeechConfig

RATE = 8000
COMMAND_TIMEOUT = 60.0
"""Seconds that the command may take for one text."""
LIST = ".made.json"
_HEADER = 44
"""Bytes of a WAV file before its first sample."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One text in one language. ``state``: ``made``, ``unchanged``, ``stale`` (to be made), ``failed``, or ``missing``: there are
    no words for it."""

    name: str
    language: str
    state: str
    why: str = ""


class Unspoken(Exception):
    """The command produced no usable sound; the message says why."""


def prompts(settings: Settings, *, make: bool = True, again: bool = False) -> Iterator[Prompt]:
    """Every prompt, made where needed (``again``: all of them), one after the other as it is done; last, those without a text."""
    if settings.speech is not None:
        yield from _spoken(settings.speech, make=make, again=again)
    for name, where in missing(settings).items():
        yield Prompt(name, "", "missing", f"{where} plays it, but speech.texts does not contain it")


def _spoken(speech: SpeechConfig, *, make: bool, again: bool) -> Iterator[Prompt]:
    for language in speech.voices:
        known = _read_list(speech, language)
        for name, said in speech.texts.items():
            if language not in said:
                yield Prompt(name, language, "missing", "it has no text")
                continue
            mark = _mark(speech, language, said[language])
            if known.get(name) == mark and _is_sound(_file(speech, language, name)) and not again:
                yield Prompt(name, language, "unchanged")
            elif not make:
                yield Prompt(name, language, "stale", "run `callbridge prompts` to generate it")
            else:
                yield _make(speech, language, name, known, mark)
        if make:
            _forget(speech, language, known)


def _is_sound(path: Path) -> bool:
    """Is there more than the header of a sound? Somebody may have cut it off, or put something else there."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER + 1)
    except OSError:
        return False
    return head[:4] == b"RIFF" and len(head) > _HEADER


def missing(settings: Settings) -> dict[str, str]:
    """Our prompts that are played somewhere and have no text -> where."""
    known = settings.speech.texts if settings.speech is not None else {}
    used = ((name.removeprefix(OURS), where) for where, name in sounds(settings.plan()) if name.startswith(OURS))
    return {name: where for name, where in used if name not in known}


def _make(speech: SpeechConfig, language: str, name: str, known: dict[str, str], mark: str) -> Prompt:
    try:
        _speak(speech, language, name)
        known[name] = mark
        _write_list(speech, language, known)
    except Unspoken as trouble:
        return Prompt(name, language, "failed", str(trouble))
    except OSError as error:
        return Prompt(name, language, "failed", f"{error.filename or speech.folder}: {(error.strerror or str(error)).lower()}")
    return Prompt(name, language, "made")


def _speak(speech: SpeechConfig, language: str, name: str) -> None:
    target = _file(speech, language, name)
    if not speech.folder.parent.is_dir():
        raise Unspoken(
            f"there is no folder {speech.folder.parent}: is Asterisk installed? Create the folder, or change speech.folder"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
            raw, ready = Path(folder) / "raw.wav", Path(folder) / "ready.wav"
            about = {"{voice}": speech.voices[language], "{file}": str(raw), "{text}": speech.texts[name][language]}
            _run([_filled(word, about) for word in speech.command])
            _write(ready, telephone(*_read(raw)))
            ready.chmod(0o644)
            os.replace(ready, target)
    except OSError as error:
        raise Unspoken(f"{error.filename or target}: {(error.strerror or str(error)).lower()}") from None


def _filled(word: str, about: Mapping[str, str]) -> str:
    for field, value in about.items():
        if field in word:
            return word.replace(field, value)  # once: the text may look like a field
    return word


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT, check=False)
    except FileNotFoundError:
        raise Unspoken(f"there is no command {command[0]!r}: install it, or change speech.command") from None
    except PermissionError:
        raise Unspoken(f"{command[0]!r} is not executable") from None
    except subprocess.TimeoutExpired:
        raise Unspoken(f"{command[0]} took longer than {COMMAND_TIMEOUT:g} s") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unspoken(f"{command[0]} ended with {done.returncode}" + (f": {words[-1][:200]}" if words else ""))


def _read(path: Path) -> tuple[array[int], int]:
    """The first channel of a WAV file, and its rate."""
    try:
        with wave.open(str(path)) as file:
            if file.getsampwidth() != 2:
                raise Unspoken("the command's sound is not 16-bit")
            samples = array("h", file.readframes(file.getnframes()))
            channels, rate = file.getnchannels(), file.getframerate()
            if rate <= 0:
                raise Unspoken("the command's sound has no sample rate")
    except FileNotFoundError:
        raise Unspoken("the command wrote no file") from None
    except (wave.Error, EOFError) as error:
        raise Unspoken(f"the command's file is not a WAV file: {error}") from None
    if not samples:
        raise Unspoken("the command's sound is empty")
    return samples[::channels], rate


def telephone(samples: array[int], rate: int) -> array[int]:
    """Resample to 8000 samples a second: average first, so that frequencies above the telephone band do not alias."""
    if rate == RATE:
        return samples
    step = rate / RATE
    if step > 1:
        width = max(1, round(step))
        sums, total = [0], 0
        for sample in samples:
            total += sample
            sums.append(total)
        smooth = [
            (sums[min(i + width, len(samples))] - sums[i]) / (min(i + width, len(samples)) - i) for i in range(len(samples))
        ]
    else:
        smooth = [float(sample) for sample in samples]
    made = array("h")
    for index in range(int(len(samples) / step)):
        place = index * step
        low = int(place)
        high = min(low + 1, len(smooth) - 1)
        made.append(round(smooth[low] + (smooth[high] - smooth[low]) * (place - low)))
    return made


def _write(path: Path, samples: array[int]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def _file(speech: SpeechConfig, language: str, name: str) -> Path:
    return speech.folder / language / OURS / f"{name}.wav"


def _mark(speech: SpeechConfig, language: str, text: str) -> str:
    """A hash of the text, the voice and the command."""
    return hashlib.sha256(json.dumps([*speech.command, speech.voices[language], text]).encode()).hexdigest()[:16]


def _read_list(speech: SpeechConfig, language: str) -> dict[str, str]:
    try:
        found = json.loads((speech.folder / language / OURS / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(mark) for name, mark in found.items()} if isinstance(found, dict) else {}


def _write_list(speech: SpeechConfig, language: str, known: Mapping[str, str]) -> None:
    path = speech.folder / language / OURS / LIST
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _forget(speech: SpeechConfig, language: str, known: dict[str, str]) -> None:
    """Delete the sounds of removed texts."""
    gone = [name for name in known if language not in speech.texts.get(name, {})]
    for name in gone:
        _file(speech, language, name).unlink(missing_ok=True)
        del known[name]
    if gone:
        _write_list(speech, language, known)
