"""Quality as the adapter has it: samples and forms, from the settings."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from callbridge.adapters.quality.forms import Criterion, FormSection, ScoreForm
from callbridge.adapters.quality.sampling import SamplePeriod, SampleTerms
from callbridge.adapters.quality.service import QualitySite
from callbridge.settings.models import Settings
from callbridge.settings.quality import FormSectionConfig


def quality_site(settings: Settings) -> QualitySite:
    zone = ZoneInfo(settings.instance.timezone)
    return QualitySite(
        samples=sample_terms(settings), forms=score_forms(settings), zone=zone, callbacks=fatal_callbacks(settings)
    )


def fatal_callbacks(settings: Settings) -> dict[str, str]:
    """Form -> the campaign that calls back the customer when a fatal criterion failed."""
    wanted = {name: form.on_fatal.callback for name, form in settings.quality.forms.items()}
    return {name: callback.campaign for name, callback in wanted.items() if callback is not None}


def sample_terms(settings: Settings) -> dict[str, SampleTerms]:
    quality = settings.quality
    return {
        name: SampleTerms(
            name=name,
            rate=one.rate,
            each=SamplePeriod(one.each),
            form=one.form,
            seed=quality.seed or "",
            second_review=one.second_review,
            agents=frozenset(one.agents or ()),
            queues=frozenset(one.queues or ()),
            campaigns=frozenset(one.campaigns or ()),
        )
        for name, one in quality.samples.items()
    }


def score_forms(settings: Settings) -> dict[str, ScoreForm]:
    return {
        name: ScoreForm(name, tuple(_section(section) for section in form.sections))
        for name, form in settings.quality.forms.items()
    }


def _section(section: FormSectionConfig) -> FormSection:
    criteria = (
        Criterion(name=one.name, text=one.text or "", points=one.points or 1.0, fatal=one.fatal, optional=one.optional)
        for one in section.criteria
    )
    return FormSection(name=section.name, weight=section.weight, criteria=tuple(criteria))
