"""What others may see of a fact: which of its fields are masked follows from the types of the fields (``core.model.personal``).

A text field whose type does not say whose data it holds is refused here, when this module is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from callbridge.adapters.facts.codec import FACT_KINDS
from callbridge.adapters.facts.privacy import hide, mask, mask_key, mask_target, scrub
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.personal import Content

_Mask = Callable[[str], str]
_MASKS: Mapping[Content, _Mask] = {
    Content.NUMBER: mask,
    Content.NAME: hide,
    Content.ANSWERS: hide,
    Content.TARGET: mask_target,
    Content.KEY: mask_key,
    Content.TEXT: scrub,
}
_OTHER_THAN_TEXT = (int, float, bool, int | None, float | None)


def masks_of(kind: type) -> dict[str, _Mask]:
    """The fields of a kind of fact that are not shown as they are, and what is done to each. Raises TypeError."""
    masks: dict[str, _Mask] = {}
    for field, hint in get_type_hints(kind, include_extras=True).items():
        content = next((one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Content)), None)
        if content is None and hint not in _OTHER_THAN_TEXT:
            raise TypeError(f"{kind.__name__}.{field}: its type must say whose data it holds (callbridge.core.model.personal)")
        if content is not None and content is not Content.PLAIN:
            masks[field] = _MASKS[content]
    return masks


_BY_KIND = {kind: tuple(masks_of(kind).items()) for kind in FACT_KINDS.values()}
_BY_NAME = {name: dict(_BY_KIND[kind]) for name, kind in FACT_KINDS.items()}


def personal(fact: AnyFact) -> dict[str, str]:
    """The fields of a fact that others may not see as they are, masked."""
    found: dict[str, str] = {}
    for field, masking in _BY_KIND[type(fact)]:
        value = getattr(fact, field)
        if value and (shown := masking(value)) != value:
            found[field] = shown
    return found


def has_masks(kind: str) -> bool:
    """Whether a kind of fact, by its public name, has fields that may have to be masked."""
    return bool(_BY_NAME.get(kind))


def masked(kind: str, data: Mapping[str, Any], personal_fields: str = "") -> dict[str, Any]:
    """A fact's data as others may see it; ``kind``: its public name. Another version may have written it: of ``personal_fields``
    (names, joined by commas), those that this version would not mask are hidden."""
    hidden = dict.fromkeys(filter(None, personal_fields.split(",")), hide)
    masks = hidden | _BY_NAME.get(kind, {})
    return {field: _shown(value, masks[field]) if field in masks else value for field, value in data.items()}


def _shown(value: Any, masking: _Mask) -> Any:
    if isinstance(value, str):
        return masking(value)
    return hide(str(value)) if masking is hide and value is not None else value
