"""Requirements: what they mean, how they are read, and where they are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.model.skills import AllOf, AnyOf, AtLeast, RequirementError, SkillNode, parse, profile

WRONG = [
    ("", 0, "expected a skill or '('"),
    ("   ", 3, "expected a skill or '('"),
    ("support >=", 10, "expected a level from 1 to 5"),
    ("support >= 0", 11, "expected a level from 1 to 5"),
    ("support >= 6", 11, "expected a level from 1 to 5"),
    ("support >= three", 11, "expected a level from 1 to 5"),
    ("support > 3", 8, "a level is compared with >="),
    ("support = 3", 8, "a level is compared with >="),
    ("support >= 3 and", 16, "expected a skill or '('"),
    ("and support", 0, "expected a skill or '('"),
    ("support english", 8, "expected 'and', 'or' or the end"),
    ("(support", 8, "expected ')'"),
    ("support)", 7, "expected 'and', 'or' or the end"),
    ("()", 1, "expected a skill or '('"),
    ("3 >= support", 0, "expected a skill or '('"),
    ("中文 >= 9", 6, "expected a level from 1 to 5"),
    ("support; drop", 7, "has no meaning here"),
    ("not english", 4, "expected 'and', 'or' or the end"),
]


@pytest.mark.parametrize(("text", "position", "problem"), WRONG)
def test_an_error_points_at_the_character_that_is_wrong(text: str, position: int, problem: str) -> None:
    with pytest.raises(RequirementError) as caught:
        parse(text)
    assert caught.value.position == position
    assert problem in caught.value.problem
    assert f"at character {position + 1} " in str(caught.value)


def test_the_pointer_stands_below_the_character() -> None:
    with pytest.raises(RequirementError) as caught:
        parse("support >= 3 and (english >= 7)")
    assert caught.value.pointer() == (
        "support >= 3 and (english >= 7)\n                             ^ expected a level from 1 to 5"
    )


def test_and_binds_closer_than_or() -> None:
    assert parse("a and b or c and d") == parse("(a and b) or (c and d)")
    assert parse("a and b or c and d") != parse("a and (b or c) and d")


@pytest.mark.parametrize(
    ("text", "skills", "fits"),
    [
        ("support", {"support": 1}, True),
        ("support", {}, False),
        ("support >= 3", {"support": 2}, False),
        ("support >= 3", {"support": 3}, True),
        ("support >= 3 and (english >= 1 or expert >= 2)", {"support": 3}, False),
        ("support >= 3 and (english >= 1 or expert >= 2)", {"support": 3, "expert": 1}, False),
        ("support >= 3 and (english >= 1 or expert >= 2)", {"support": 3, "expert": 2}, True),
        ("support >= 3 and english >= 1 or expert >= 2", {"expert": 2}, True),
        ("中文 >= 2 and 售后-服务", {"中文": 2, "售后-服务": 1}, True),
        ("中文 >= 2 and 售后-服务", {"中文": 5}, False),
    ],
)
def test_a_requirement_fits_by_level(text: str, skills: dict[str, int], fits: bool) -> None:
    assert (parse(text).strength(profile(skills)) is not None) is fits


def test_strength_is_the_sum_of_the_levels_in_the_skills_named() -> None:
    needs = parse("support >= 2 or expert")
    assert needs.strength(profile({"support": 2, "expert": 5, "sales": 5})) == 7
    assert needs.strength(profile({"support": 4})) == 4


def test_a_level_below_one_is_no_skill_at_all() -> None:
    assert profile({"support": 0, "english": 2}) == (("english", 2),)


def test_nesting_ends_at_twenty_brackets_and_the_error_points_at_the_next() -> None:
    assert parse("(" * 20 + "a" + ")" * 20) == parse("a")
    with pytest.raises(RequirementError) as caught:
        parse("(" * 21 + "a" + ")" * 21)
    assert caught.value.position == 20


def test_brackets_side_by_side_are_not_nested() -> None:
    assert parse(" or ".join(["(a)"] * 30)).skills() == {"a"}


def test_a_very_long_requirement_is_refused_without_being_quoted_whole() -> None:
    with pytest.raises(RequirementError) as caught:
        parse("a or " * 1000 + "a")
    assert len(str(caught.value)) < 200


def test_a_number_of_many_digits_is_a_wrong_level() -> None:
    with pytest.raises(RequirementError):
        parse("a >= " + "9" * 480)


@pytest.mark.parametrize("digit", ["²", "①", "٣"])
def test_a_digit_of_another_script_is_refused_or_read_but_never_a_crash(digit: str) -> None:
    parse("a >= 3")
    try:
        parse(f"a >= {digit}")
    except RequirementError as error:
        assert error.position == 5


def _join(drawn: tuple[type[AllOf] | type[AnyOf], list[SkillNode]]) -> SkillNode:
    kind, parts = drawn
    return kind(tuple(parts))


names = st.sampled_from(["support", "english", "中文", "售后", "expert-2", "été"])
leaves: st.SearchStrategy[SkillNode] = st.builds(AtLeast, names, st.integers(1, 5))
nodes = st.recursive(
    leaves,
    lambda parts: st.tuples(st.sampled_from([AllOf, AnyOf]), st.lists(parts, min_size=2, max_size=3)).map(_join),
    max_leaves=8,
)


def _holds(node: SkillNode, levels: dict[str, int]) -> bool:
    match node:
        case AtLeast(skill, level):
            return levels.get(skill, 0) >= level
        case AllOf(parts):
            return all(_holds(part, levels) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, levels) for part in parts)


@given(node=nodes, levels=st.dictionaries(names, st.integers(0, 5)))
def test_the_canonical_text_means_the_same(node: SkillNode, levels: dict[str, int]) -> None:
    read = parse(str(node))
    assert parse(str(read)) == read
    assert (read.strength(profile(levels)) is not None) is _holds(node, levels)


@given(node=nodes, levels=st.dictionaries(names, st.integers(0, 4)), skill=names)
def test_a_better_agent_never_fits_less(node: SkillNode, levels: dict[str, int], skill: str) -> None:
    read = parse(str(node))
    better = {**levels, skill: levels.get(skill, 0) + 1}
    assert read.strength(profile(levels)) is None or read.strength(profile(better)) is not None


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    try:
        parse(text)
    except RequirementError as error:
        assert 0 <= error.position <= len(text)
