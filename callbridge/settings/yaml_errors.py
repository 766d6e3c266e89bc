"""What a YAML parser complains about, in the words of the person who edits the file, with the way out."""

from __future__ import annotations

import re

_TAB = "a tab cannot indent a line in YAML"
_SPACES = "use spaces"
_QUOTE = "put the text in quotes"
_UNCLOSED = "a quote, bracket or brace is opened and not closed"
_INDENT = "the indentation does not match the lines above"

_HINTS = (
    ("undefined alias", "a text that begins with '*' means another place of the file in YAML", _QUOTE),
    ("expected alphabetic or numeric character", "'*' and '&' at the beginning of a text have a meaning in YAML", _QUOTE),
    ("mapping values are not allowed", "a second ': ' in one line, or a wrong indentation", "put a text with a colon in quotes"),
    ("could not find expected ':'", "a key without ':', or a wrong indentation", "write NAME: VALUE"),
    ("did not find expected key", _INDENT, "keys of one section begin in the same column"),
    ("did not find expected '-' indicator", _INDENT, "the items of a list begin in the same column"),
    ("did not find expected ',' or", _UNCLOSED, "or a comma is missing"),
    ("unexpected end of stream", _UNCLOSED, ""),
    ("did not find expected node content", "something is missing between two signs here", ""),
    ("block sequence entries are not allowed", "a list cannot begin in this line", "begin it in the next one"),
    ("single document", "'---' begins a second document, and a file holds one", "remove the line"),
    ("unknown escape character", "'\\' has a meaning in double quotes", "use single quotes"),
)
"""A part of libyaml's message; what is wrong; what to do."""


ODD_SPACES = "\u00a0\u2007\u202f\u3000\u200b\ufeff"
"""Look like a space, or like nothing, and are text to YAML."""
_NO_SPACE_AFTER = re.compile(rf"""^[^#"']*?(?:[\w.*#"'-]+(:)|^\s*(-))([{ODD_SPACES}])""")
_WIDE_COLON = re.compile(r"""^(?:[\s-]*|[^#"']*?[{,]\s*)[\w.*#-]+(：)""")


def odd_sign(line: str) -> tuple[str, int, str] | None:
    """What is wrong, the column and a hint, where a sign that only looks like YAML's own makes text of a key."""
    if found := _NO_SPACE_AFTER.search(line):
        after = found[1] or found[2]
        return f"after {after!r} is an invisible character (U+{ord(found[3]):04X})", found.start(3) + 1, "use a space"
    if found := _WIDE_COLON.search(line):
        return "a full-width colon (U+FF1A) does not end a key", found.start(1) + 1, "use ':' and a space"
    return None


def in_words(problem: str, line: str, column: int, before: str = "") -> tuple[str, str]:
    """What is wrong and a hint, for ``problem`` at ``column`` (from 1) of ``line``; ``before`` is the line above."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _TAB, _SPACES
    if "cannot start any token" in problem:
        return f"a text cannot begin with {line[column - 1 : column]!r} in YAML", _QUOTE
    for part, wrong, hint in _HINTS:
        if part in problem:
            if re.search(r"[{,].*:\s*\$\{", before + line):
                hint = 'inside {...} put it in quotes: "${NAME}"'
            star = re.search(r"(?:^|[\s{,])(\*[\w*#]*)\s*:", line)
            if "'*'" in wrong and star is not None:
                hint = f'write "{star[1]}":'
            return wrong, hint
    return f"not valid YAML: {problem}", ""
