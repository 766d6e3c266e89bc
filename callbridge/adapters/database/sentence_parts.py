"""The template and the values of a sentence, as a column beside it keeps them: a JSON object, null for one without values."""

from __future__ import annotations

import json

from callbridge.core.model.sentence import Sentence, packed, unpacked


def kept_parts(text: Sentence) -> str | None:
    parts = packed(text)
    if not parts["template"]:
        return None
    return f'{{"template":{json.dumps(parts["template"], ensure_ascii=False)},"values":{parts["values"]}}}'


def with_parts(text: str | None, kept: str | None) -> str | None:
    """The sentence as it was written; without parts if there are none, or if a mask hides more of them or of the sentence."""
    if text is None or not kept:
        return text
    try:
        parts = json.loads(kept)
    except (ValueError, RecursionError):
        return text
    match parts:
        case {"template": str(template), "values": dict(values)}:
            return unpacked(text, template, json.dumps(values))
        case _:
            return text
