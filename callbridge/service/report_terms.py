"""What reports need of the configuration, beside the history."""

from __future__ import annotations

from callbridge.adapters.reports.terms import ReportTerms
from callbridge.settings.models import Settings


def report_terms(settings: Settings) -> ReportTerms:
    ratings = {
        (name, question.name): tuple(int(key) for key in question.keys)
        for name, survey in settings.surveys.items()
        for question in survey.questions
        if question.kind == "rating"
    }
    return ReportTerms(ratings=ratings)
