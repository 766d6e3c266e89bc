"""The figures that stand in the documents are those of the records."""

from tests.bench.report import HERE, readme, record


def test_the_readme_is_made_of_the_last_record() -> None:
    assert (HERE / "README.md").read_text() == readme(record("pacing"))
