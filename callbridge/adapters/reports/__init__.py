"""Reports on the history: figures over intervals of local time, in two families.

*Cohort*: everything that became of a visit counts in the interval in which it began, so the columns close (offered = answered +
abandoned + short abandoned + overflowed + failed + still waiting). Queues, tiers and entries are reported so.
*Clipped*: seconds of a state count in the interval in which they pass, cut at its borders. Agents are reported so.
"""

from callbridge.adapters.reports.agents import ClippedFigures, report_agents
from callbridge.adapters.reports.intervals import BadPeriod, By, Interval, intervals, moment_of
from callbridge.adapters.reports.queues import CohortFigures, Of, report_queues

__all__ = [
    "BadPeriod",
    "By",
    "ClippedFigures",
    "CohortFigures",
    "Interval",
    "Of",
    "intervals",
    "moment_of",
    "report_agents",
    "report_queues",
]
