"""Adapters read the world and cannot change it: mypy refuses a write, and no adapter gets hold of the world itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.core.model.world_view import MatcherView, TableView, WorldView
from tests.adapters.worlds import Busy

ADAPTERS = Path(__file__).parents[2] / "callbridge" / "adapters"
MODULES = sorted(ADAPTERS.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, and every module with the name that it imports from it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ADAPTERS)))
def test_no_adapter_imports_the_world_itself(path: Path) -> None:
    assert "callbridge.core.model.world" not in set(imported(path))


def test_the_test_finds_such_an_import() -> None:
    assert "callbridge.core.model.world" in set(imported(Path(__file__)))
    assert any("callbridge.core.model.world_view" in set(imported(path)) for path in MODULES)


def test_the_world_is_all_that_its_view_promises() -> None:
    world = Busy(1).world
    view: WorldView = world
    for view_type, seen in ((WorldView, view), (MatcherView, view.matcher), (TableView, view.calls)):
        names = {name for name in vars(view_type) if name == "__getitem__" or not name.startswith("_")}
        assert names
        assert [name for name in names if not hasattr(seen, name)] == []


def _writes(view: WorldView, world: World, plan: Plan) -> None:
    """Never called: mypy complains of each of these lines, and, where it does not, of the ``ignore`` that is not needed."""
    view.now = 1.0  # type: ignore[misc]
    view.plan = plan  # type: ignore[misc]
    view.calls.put("c1", world.calls["c1"])  # type: ignore[attr-defined]
    view.calls.drop("c1")  # type: ignore[attr-defined]
    view.agents.rows()["a1"] = world.agents["a1"]  # type: ignore[index]
    view.agents.values().clear()  # type: ignore[attr-defined]
    view.campaign_states.clear()  # type: ignore[attr-defined]
    view.down.add("pbx")  # type: ignore[attr-defined]
    view.matcher.unwait("c1")  # type: ignore[attr-defined]
    view.saved_tables()["calls"].drop("c1")  # type: ignore[attr-defined]
    view.next_seq()  # type: ignore[attr-defined]
    view.calls = world.calls  # type: ignore[misc]
