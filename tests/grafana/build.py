"""From the definition to Grafana's JSON, by the builders that Grafana publishes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, gauge, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model

from tests.grafana.definition import Ask, DashboardDefinition, PanelDefinition

COLUMNS = 24
HEIGHTS = {"stat": 4, "gauge": 4, "timeseries": 8, "table": 8}
SOURCES = {"prometheus": "prometheus", "postgresql": "grafana-postgresql-datasource"}
Builder = Any
"""A panel's builder: the four kinds have no common type."""


class SqlQuery(Dataquery):
    """A question to PostgreSQL, for which there is no builder."""

    def __init__(self, sql: str, letter: str, shape: str, source: model.DataSourceRef) -> None:
        self._json = {
            "refId": letter,
            "rawSql": sql,
            "rawQuery": True,
            "editorMode": "code",
            "format": shape,
            "datasource": source,
        }

    def to_json(self) -> dict[str, object]:
        """For the encoder."""
        return self._json

    def build(self) -> SqlQuery:
        """It is its own builder."""
        return self


def text(slug: str, definition: DashboardDefinition) -> str:
    """The file of one dashboard."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(_built(slug, definition).build()) + "\n"


def _built(slug: str, definition: DashboardDefinition) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(definition.title)
        .uid(f"callbridge-{slug}")
        .description(definition.about)
        .tags(["callbridge"])
        .refresh("10s" if definition.source == "prometheus" else "5m")
        .time(definition.begins, "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("callbridge").type(model.DashboardLinkType.DASHBOARDS).tags(["callbridge"]).as_dropdown(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type(SOURCES[definition.source]))
    )
    if "queue" in definition.variables:
        made = made.with_variable(_queues(definition))
    ids, top = count(1), 0
    for row in definition.rows:
        made = made.with_row(dashboard.Row(row.title).id(next(ids)).grid_pos(model.GridPos(x=0, y=top, w=COLUMNS, h=1)))
        top += 1
        for panel, at in _laid_out(row.panels, top):
            made = made.with_panel(_panel(panel, definition).id(next(ids)).grid_pos(at))
            bottom = at.y + at.h
        top = bottom
    return made


def _laid_out(panels: tuple[PanelDefinition, ...], top: int) -> Iterator[tuple[PanelDefinition, model.GridPos]]:
    """From left to right; what does not fit begins a new line below the highest of the one before."""
    left = highest = 0
    for panel in panels:
        height = HEIGHTS[panel.kind]
        if left + panel.width > COLUMNS:
            left, top, highest = 0, top + highest, 0
        yield panel, model.GridPos(x=left, y=top, w=panel.width, h=height)
        left, highest = left + panel.width, max(highest, height)


def _source(definition: DashboardDefinition) -> model.DataSourceRef:
    return model.DataSourceRef(type_val=SOURCES[definition.source], uid="${datasource}")


def _queues(definition: DashboardDefinition) -> dashboard.QueryVariable:
    prometheus_query = "label_values(callbridge_queue_calls_waiting, queue)"
    query = "SELECT DISTINCT queue FROM visits WHERE queue IS NOT NULL ORDER BY 1"
    made = dashboard.QueryVariable("queue").label("Queue").datasource(_source(definition))
    made = made.query(prometheus_query if definition.source == "prometheus" else query)
    made = made.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
    made = made.multi(True).include_all(True).current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    return made.all_value(".*") if definition.source == "prometheus" else made


def _panel(panel: PanelDefinition, definition: DashboardDefinition) -> Builder:
    made: Builder
    match panel.kind:
        case "timeseries":
            mode = common_model.StackingMode.NORMAL if panel.stacked else common_model.StackingMode.NONE
            made = timeseries.Panel().line_width(1).fill_opacity(30 if panel.stacked else 5)
            made = made.show_points(common_model.VisibilityMode.NEVER).stacking(common.StackingConfig().mode(mode))
            legend = common.VizLegendOptions().display_mode(common_model.LegendDisplayMode.LIST)
            made = made.legend(legend.placement(common_model.LegendPlacement.BOTTOM).show_legend(True))
            tooltip = common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI)
            made = made.tooltip(tooltip.sort(common_model.SortOrder.DESCENDING))
        case "stat":
            colours = common_model.BigValueColorMode.BACKGROUND if panel.colours else common_model.BigValueColorMode.NONE
            made = stat.Panel().color_mode(colours).graph_mode(common_model.BigValueGraphMode.AREA)
            made = made.text_mode(common_model.BigValueTextMode(panel.shows)).reduce_options(_last())
        case "gauge":
            made = gauge.Panel().reduce_options(_last())
        case "table":
            made = table.Panel()
    made = made.title(panel.title).description(panel.about).unit(panel.unit).datasource(_source(definition))
    made = made.min(0) if panel.kind != "table" else made
    made = made.max(panel.max) if panel.max is not None else made
    made = _coloured(made, panel) if panel.colours else made
    for number, ask in enumerate(panel.asks):
        made = made.with_target(_target(ask, "ABCDEFGH"[number], panel, definition))
    return made


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def _coloured(made: Builder, panel: PanelDefinition) -> Builder:
    steps = [model.Threshold(color=colour, value=value) for colour, value in panel.colours]
    made = made.thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
    made = made.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    if panel.words:
        results = {f"{value:g}": model.ValueMappingResult(text=word) for value, word in panel.words.items()}
        made = made.mappings([model.ValueMap(options=results)])
    return made


def _target(ask: Ask, letter: str, panel: PanelDefinition, definition: DashboardDefinition) -> Builder:
    if definition.source == "postgresql":
        return SqlQuery(ask.sql, letter, "table" if panel.kind == "table" else "time_series", _source(definition))
    made = prometheus.Dataquery().expr(ask.expr).legend_format(ask.legend).ref_id(letter)
    return made.datasource(_source(definition))
