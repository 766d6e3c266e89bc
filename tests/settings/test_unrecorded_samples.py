"""Samples of queues that do not record are doubted: nothing is ever drawn of them."""

from __future__ import annotations

import pytest

from tests.settings.conftest import Write, right

NOBODY = "quality.samples.team: no queue records, so nothing is drawn (hint: give queues `record`)"
OF_SUPPORT = "quality.samples.team.queues: nothing is drawn of queues that do not record: support (hint: give them `record`)"


@pytest.mark.parametrize(
    ("queues", "support", "defaults", "doubted"),
    [
        ("", "", "", [NOBODY]),
        ("", "    record: {}\n", "", []),
        ("", "", "queue_defaults: {record: {}}\n", []),
        (", queues: [support]", "", "", [OF_SUPPORT]),
        (", queues: [support, general]", "    record: off\n", "queue_defaults: {record: {}}\n", [OF_SUPPORT]),
        (", queues: [support]", "    record: {share: 0.1}\n", "", []),
    ],
)
def test_a_sample_of_queues_that_do_not_record(
    write: Write, queues: str, support: str, defaults: str, doubted: list[str]
) -> None:
    form = "forms: {f: {sections: [{name: s, criteria: [{name: a}]}]}}"
    quality = f"database: {{}}\nquality: {{samples: {{team: {{rate: 10%, form: f{queues}}}}}, {form}}}\n"
    path = write(("skills: [", f"{quality}{defaults}skills: ["), ("  support:\n", f"  support:\n{support}"))
    found = [str(warning).split(": ", 1)[1] for warning in right(path).warnings]
    assert [one for one in found if one.startswith("quality")] == doubted
