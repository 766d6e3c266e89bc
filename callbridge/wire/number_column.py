"""A column of phone numbers as a whole: is it clear how its digits are meant?

One number without any prefix may be a national or an international one. A column in which most would be international with a
``+`` before them is asked about, before anybody is called.
"""

from __future__ import annotations

from callbridge.wire.phone_numbers import PhoneNumbers, Written

LOOKED_AT = 5000
"""Rows after which a column is known."""


class NumberColumn:
    def __init__(self, numbers: PhoneNumbers) -> None:
        self._numbers = numbers
        self._seen = self._lack_plus = self._open = 0

    @property
    def is_known(self) -> bool:
        """No more rows need be looked at."""
        return self._numbers.digits is not Written.ANY or self._seen >= LOOKED_AT

    def add(self, text: str) -> None:
        """The next number, as it is written."""
        if self.is_known:
            return
        found = self._numbers.read(text)
        if found.e164:
            self._seen += 1
            self._lack_plus += found.lacks_plus
            self._open += found.open

    @property
    def question(self) -> str:
        """What must be asked; empty when it is clear."""
        if not self._open or 2 * self._lack_plus <= self._seen:
            return ""
        return f"{self._lack_plus} of {self._seen} numbers would be valid with a +, but some may be national"
