"""``python -m tests.docs`` makes the generated blocks of the READMEs again."""

from __future__ import annotations

from tests.docs.readmes import READMES, rewritten

for readme in READMES:
    text = readme.read_text(encoding="utf-8")
    if (made := rewritten(text)) != text:
        readme.write_text(made, encoding="utf-8")
        print(f"rewritten: {readme}")
