"""What the source may say of a label's values, and what is there at zero: the two must not drift apart."""

from __future__ import annotations

import ast
from pathlib import Path

from callbridge import core
from callbridge.adapters.facts.totals import Totals
from callbridge.core.model.plan import Plan
from callbridge.core.recovery import quarantine

SOURCE = Path(core.__file__).parent


def at_zero(plan: Plan) -> dict[str, set[tuple[str, ...]]]:
    """Metric -> the label values that are there before anything has happened."""
    totals = Totals()
    totals.adopt(plan)
    found: dict[str, set[tuple[str, ...]]] = {}
    for family, values in totals.shown():
        found.setdefault(family.name, set()).add(values)
    return found


def test_every_kind_that_can_be_given_up_is_there() -> None:
    tree = ast.parse((SOURCE / "recovery" / "quarantine.py").read_text())
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.MatchValue)]
    cases = {value.value for value in values if isinstance(value, ast.Constant)}
    assert cases | {"agent"} == set(quarantine.KINDS), "the agent is the rest"
    assert at_zero(Plan())["quarantines"] == {(kind,) for kind in quarantine.KINDS}


def test_whatever_has_a_deadline_can_be_given_up_by_its_kind() -> None:
    tree = ast.parse((SOURCE / "model" / "world.py").read_text())
    (owner,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_deadline_of"]
    kinds = {node.value for node in ast.walk(owner) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert kinds - {"announcing", "feature"} <= set(quarantine.KINDS), "those two are a call's and a leg's"
    assert kinds >= {"call", "place"}
