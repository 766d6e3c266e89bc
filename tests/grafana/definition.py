"""The definition, ``deploy/grafana/dashboards.yaml``, as checked values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

DEFINITION = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ask(_Part):
    """One question: to Prometheus by ``expr``, to the database by ``sql``."""

    expr: str = ""
    sql: str = ""
    legend: str = ""


class PanelDefinition(_Part):
    title: str
    kind: Literal["timeseries", "stat", "gauge", "table"] = "timeseries"
    unit: str = "none"
    width: int = 8
    max: float | None = None
    stacked: bool = False
    shows: Literal["auto", "name"] = "auto"
    about: str = ""
    colours: tuple[tuple[str, float | None], ...] = ()
    words: dict[float, str] = {}
    asks: tuple[Ask, ...]


class RowDefinition(_Part):
    title: str
    panels: tuple[PanelDefinition, ...]


class DashboardDefinition(_Part):
    title: str
    about: str
    source: Literal["prometheus", "postgresql"] = "prometheus"
    begins: str = "now-3h"
    variables: tuple[Literal["queue"], ...]
    rows: tuple[RowDefinition, ...]


class Definition(_Part):
    dashboards: dict[str, DashboardDefinition]


def definition(path: Path = DEFINITION) -> Definition:
    return Definition.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
