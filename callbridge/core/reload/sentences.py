"""Parts that the sentences about a new plan have in common, each with its template for other languages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from callbridge.core.model.sentence import Sentence


def one_after_another(texts: Sequence[Sentence]) -> Sentence:
    """``texts``, at least one, joined by semicolons."""
    return _in_halves(texts, lambda first, rest: Sentence("{first}; {rest}", first=first, rest=rest))


def listed(texts: Sequence[Sentence]) -> Sentence:
    """``texts``, at least one, joined by commas."""
    return _in_halves(texts, lambda first, rest: Sentence("{first}, {rest}", first=first, rest=rest))


def both(first: Sentence, second: Sentence | None = None) -> Sentence:
    """Two, or one alone."""
    return first if second is None else Sentence("{first} and {second}", first=first, second=second)


def waiting_text(number: int) -> Sentence:
    """How many callers wait."""
    return Sentence("1 waiting caller") if number == 1 else Sentence("{number} waiting callers", number=number)


def callbacks_text(number: int) -> Sentence:
    """How many callbacks there are."""
    return Sentence("1 callback") if number == 1 else Sentence("{number} callbacks", number=number)


def _in_halves(texts: Sequence[Sentence], join: Callable[[Sentence, Sentence], Sentence]) -> Sentence:
    """A list nested one text at a time would be as deep as it is long, and hundreds of queues may be removed at once."""
    if len(texts) == 1:
        return texts[0]
    middle = len(texts) // 2
    return join(_in_halves(texts[:middle], join), _in_halves(texts[middle:], join))
