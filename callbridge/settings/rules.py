"""What the shape of one section cannot show: names that must exist, settings that contradict each other.

Each rule takes the settings (repaired where their shape was wrong) and the document, and yields faults. ``warnings_of_relations``
yields warnings: what works, but is probably not intended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from urllib.parse import urlsplit

from callbridge.core.model import skills
from callbridge.core.model.plan import Plan, ToQueue
from callbridge.core.model.reasons import RONA, chosen_by_people
from callbridge.core.model.sentence import Sentence
from callbridge.settings import (
    agent_page_rules,
    alert_rules,
    campaign_rules,
    flow_rules,
    models,
    observe_rules,
    pbx_rules,
    people_rules,
    phone_rules,
    quality_rules,
    recording_rules,
    report_rules,
    script_rules,
    several_pbxs_rules,
    standby_rules,
)
from callbridge.settings.document import AnyNames, Document, Path, mapping, where
from callbridge.settings.durations import duration_text
from callbridge.settings.faults import Fault, did_you_mean, nearest
from callbridge.settings.instance import DEFAULT_APP, DEFAULT_PREFIX, default_prefix
from callbridge.settings.queues import PenaltyConfig, QueueConfig, QueueTierConfig, TierRoutingConfig
from callbridge.settings.resolve import Resolved, queue_plan, reasons, resolve
from callbridge.settings.values import ANYBODY, is_loopback
from callbridge.wire.phone_numbers import is_region
from callbridge.wire.webhooks import placeholders


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every fault that is not one of shape."""
    names = (_region, _tiers, _skill_names, _skills_used, _queue_names, _renames, _tier_names, _reasons)
    for rule in (
        _pbxes,
        _http,
        people_rules.faults,
        _hooks,
        alert_rules.faults,
        *names,
        _wrap_ups,
        phone_rules.phones,
        _extensions,
        _limits,
        _routings,
        _cycles,
        flow_rules.faults,
        agent_page_rules.faults,
        script_rules.faults,
        campaign_rules.faults,
        quality_rules.faults,
        recording_rules.faults,
        report_rules.faults,
        observe_rules.faults,
        standby_rules.faults,
        standby_rules.cluster_faults,
    ):
        yield from rule(settings, document)


def warnings_of_relations(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Of a configuration without faults: parts that do not fit each other, such as a queue without agents or an endless loop."""
    for rule in (
        _shared_prefix,
        _endless,
        _unserved,
        _unused,
        _long_rings,
        _odd_hooks,
        people_rules.warnings,
        alert_rules.warnings,
        flow_rules.warnings,
        script_rules.warnings,
        campaign_rules.warnings,
        report_rules.warnings,
        standby_rules.warnings,
    ):
        yield from rule(settings, document)


def _shared_prefix(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Ids that look like those of the usual callbridge, which may run beside the same PBX."""
    instance = settings.instance
    if instance.app != DEFAULT_APP and instance.prefix == DEFAULT_PREFIX:
        yield document.at(
            ("instance", "prefix"),
            Sentence(
                "{prefix} is the prefix of the application {app}: the ids of both would clash on one PBX",
                prefix=repr(instance.prefix),
                app=repr(DEFAULT_APP),
            ),
            Sentence("leave it out to use {prefix}", prefix=repr(default_prefix(instance.app))),
        )


def _pbxes(settings: models.Settings, document: Document) -> Iterator[Fault]:
    yield from pbx_rules.missing_ari(document)
    yield from several_pbxs_rules.faults(settings, document)


def _http(settings: models.Settings, document: Document) -> Iterator[Fault]:
    http = settings.http
    if not is_loopback(http.host) and http.token is None and not http.tokens and not settings.users:
        hint = "add token_file or users, or use host: 127.0.0.1"
        yield document.at(
            ("http", "host"),
            f"{settings.http.host!r} can be reached from other machines, but there is neither a token nor a user",
            hint,
        )
    secrets: dict[str, Path] = {}
    if http.token is not None:
        yield from _secret(document, ("http", "token"), http.token.get_secret_value(), secrets)
        if not is_loopback(http.host):
            yield from _long_enough(document, ("http", "token"), http.token.get_secret_value())
    names: set[str] = set(people_rules.RESERVED)
    for index, token in enumerate(http.tokens):
        at: Path = ("http", "tokens", index)
        if token.name in names:
            problem = "is reserved" if token.name in people_rules.RESERVED else "is already the name of another token"
            yield document.at((*at, "name"), f"{token.name!r} {problem}")
        names.add(token.name)
        yield from _secret(document, (*at, "token"), token.token.get_secret_value(), secrets)
        if not is_loopback(http.host):
            yield from _long_enough(document, (*at, "token"), token.token.get_secret_value())
        if token.role == "agent" and token.agent is None:
            yield document.at(at, "names no agent", 'add agent: "1001"')
        elif token.role != "agent" and token.agent is not None:
            yield document.at((*at, "agent"), f"requires role: agent, not {token.role}", key=True)
        elif token.agent is not None and token.agent not in mapping(document.values.get("agents")):
            known = mapping(document.values.get("agents"))
            yield document.at((*at, "agent"), f"no such agent: {token.agent!r}", did_you_mean(token.agent, known))


SHORTEST_TOKEN = 16


def _secret(document: Document, at: Path, secret: str, seen: dict[str, Path]) -> Iterator[Fault]:
    if not secret:
        yield document.at(at, "is empty")
    elif not (secret.isascii() and secret.isprintable() and " " not in secret):
        yield document.at(at, "cannot be sent in an HTTP header: use ASCII letters, digits and punctuation")
    elif seen.setdefault(secret, at) != at:
        yield document.at(at, f"is the same as {where(seen[secret])}: the two could not be told apart")


def _long_enough(document: Document, at: Path, secret: str) -> Iterator[Fault]:
    """Other machines can try tokens."""
    if secret and len(secret) < SHORTEST_TOKEN:
        yield document.at(
            at, f"is too easy to guess: use at least {SHORTEST_TOKEN} characters when other machines can reach the address"
        )


def _hooks(settings: models.Settings, document: Document) -> Iterator[Fault]:
    names = [hook.name for hook in settings.webhooks]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield document.at(("webhooks", index, "name"), f"{name!r} is already the name of another webhook")


def _odd_hooks(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Webhooks that reveal less than intended, or reveal it to more people."""
    for index, hook in enumerate(settings.webhooks):
        url = urlsplit(hook.url)
        if url.scheme == "http" and not is_loopback(url.hostname or ""):
            problem = Sentence("does not use https: anyone on the network path can read who is calling")
            yield document.at(("webhooks", index, "url"), problem)
        asked = set(placeholders(hook.link)) & {"number", "name"} if hook.link and not hook.unmasked else set()
        if asked:
            what = " and ".join(sorted(asked))
            problem = Sentence("the {what} in it will be masked", what=what)
            yield document.at(("webhooks", index, "link"), problem, Sentence("set unmasked: true to send them in full"))


def _region(settings: models.Settings, document: Document) -> Iterator[Fault]:
    if settings.region is not None and not is_region(settings.region):
        yield document.at(("region",), f"no such region: {settings.region}", "two letters of ISO 3166, such as GB or CN")


def _tiers(settings: models.Settings, document: Document) -> Iterator[Fault]:
    tiers = settings.tiers
    for index, name in enumerate(tiers.order):
        if name in tiers.order[:index]:
            yield document.at(("tiers", "order", index), f"{name!r} is listed twice")
    if not tiers.order or len(tiers.order) > 256:
        yield document.at(("tiers", "order"), "expected 1 to 256 tiers")
    if tiers.default not in document.known(("tiers", "order"), tiers.order):
        yield document.at(("tiers", "default"), f"no such tier: {tiers.default!r}", did_you_mean(tiers.default, tiers.order))
    seen: dict[str, Path] = {}
    for tier, numbers in tiers.numbers.items():
        for index, number in enumerate(numbers):
            at: Path = ("tiers", "numbers", tier, index)
            known = settings.numbers.identity(number)
            if not known:
                yield document.at(at, f"{number!r:.40} is {settings.numbers.read(number).fault}")
            elif seen.setdefault(known, at) != at:
                yield document.at(at, f"{number!r:.40} is also listed at {where(seen[known])}")


def _skill_names(settings: models.Settings, document: Document) -> Iterator[Fault]:
    listed = document.values.get("skills")
    names = list(enumerate(listed)) if isinstance(listed, list) else [(name, name) for name in mapping(listed)]
    seen: set[str] = set()
    for key, name in names:
        if not isinstance(name, str):
            continue
        if name in seen:
            yield document.at(("skills", key), f"{name!r} is listed twice")
        seen.add(name)
        try:
            usable = skills.parse(name).skills() == {name}
        except skills.RequirementError:
            usable = False
        if not usable:
            problem = f"{name!r:.60} cannot be the name of a skill"
            yield document.at(("skills", key), problem, "use letters, digits, _ and -", key=True)


def _known_skills(document: Document) -> Collection[str]:
    listed = document.values.get("skills")
    if isinstance(listed, AnyNames):
        return listed
    return {name for name in (listed if isinstance(listed, list) else mapping(listed)) if isinstance(name, str)}


def _skills_used(settings: models.Settings, document: Document) -> Iterator[Fault]:
    known = _known_skills(document)
    used: list[tuple[Path, str]] = []
    for id, agent in settings.agents.items():
        used += [(("agents", id, "skills", name), name) for name in agent.skills]
    for at, routing in _written_routings(settings):
        for index, step in enumerate(routing.steps or ()):
            used += [((*at, "steps", index, "skills"), name) for name in sorted(step.skills.skills())]
    if used and not known:
        yield document.at(("skills",), "is missing", "list every skill that agents have and steps require")
        return
    for path, name in used:
        if name not in known:
            yield document.at(path, f"no such skill: {name!r}", did_you_mean(name, known))


def _written_routings(settings: models.Settings) -> Iterator[tuple[Path, TierRoutingConfig]]:
    """Every place where steps and ``then`` may be written."""
    queues: list[tuple[Path, QueueConfig]] = [(("queue_defaults",), settings.queue_defaults)]
    queues += [(("queues", name), queue) for name, queue in settings.queues.items()]
    for at, queue in queues:
        yield at, queue
        for tier, routing in queue.tiers.items():
            yield (*at, "tiers", tier), routing


def _queue_names(settings: models.Settings, document: Document) -> Iterator[Fault]:
    written = mapping(document.values.get("queues"))
    if document.observed:
        for section in ("queues", "agents", "campaigns"):
            if section in document.values:
                yield document.at(
                    (section,), "is for callbridge's own calls; only the PBX's are observed", "leave it out", key=True
                )
        return
    if not written:
        yield document.at(("queues",), "no queue is configured", "add a section 'queues:'")
        return
    entries = settings.entries.items()
    used: list[tuple[Path, str]] = [(("entries", name, "queue"), entry.queue) for name, entry in entries if entry.queue]
    routings = _written_routings(settings)
    used += [((*at, "then", "queue"), routing.then.queue) for at, routing in routings if routing.then and routing.then.queue]
    for path, name in used:
        if name not in written:
            yield document.at(path, f"no such queue: {name!r}", did_you_mean(name, written))


def _limits(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """What happens when a queue is full matters only if it can be."""
    if settings.queue_defaults.most_waiting is not None:
        return
    for name, queue in settings.queues.items():
        if queue.when_full is not None and queue.most_waiting is None:
            yield document.at(("queues", name, "when_full"), "requires most_waiting: without it the queue is never full")


def _renames(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A former name is in use by nobody now, and belongs to one queue or entry only."""
    if settings.queue_defaults.renamed_from is not None:
        yield document.at(("queue_defaults", "renamed_from"), "cannot be a default: each queue needs its own")
    queues = {name: queue.renamed_from for name, queue in settings.queues.items()}
    entries = {name: entry.renamed_from for name, entry in settings.entries.items()}
    for section, names in (("queues", queues), ("entries", entries)):
        written, kind = mapping(document.values.get(section)), "queue" if section == "queues" else "entry"
        owners: dict[str, str] = {}
        for name, before in names.items():
            at: Path = (section, name, "renamed_from")
            if before is None:
                continue
            if before == name:
                yield document.at(at, f"{before!r} is the {kind}'s present name", "give its former name")
            elif before in written:
                hint = f"remove {kind} {before!r}, or renamed_from"
                yield document.at(at, f"{kind} {before!r} still exists and keeps its callers", hint)
            elif (owner := owners.setdefault(before, name)) != name:
                yield document.at(at, f"{kind} {owner!r} is already renamed from {before!r}")


def _tier_names(settings: models.Settings, document: Document) -> Iterator[Fault]:
    used: list[tuple[Path, str]] = [(("tiers", "numbers", tier), tier) for tier in settings.tiers.numbers]
    used += [(at, str(at[-1])) for at, routing in _written_routings(settings) if isinstance(routing, QueueTierConfig)]
    known = document.known(("tiers", "order"), settings.tiers.order)
    for path, name in used:
        if name not in known:
            yield document.at(path, f"no such tier: {name!r}", did_you_mean(name, known), key=True)


def _reasons(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """One key, one reason; and a penalty's reason is one of them, once there is a list."""
    keys: dict[str, str] = {}
    for name, reason in settings.reasons.items():
        if reason.digit is not None and keys.setdefault(reason.digit, name) != name:
            yield document.at(("reasons", name, "digit"), f"{reason.digit} is already the key of {keys[reason.digit]!r}")
    if ("reasons",) in document.unclear:
        return
    if settings.reason_required and not chosen_by_people(reasons(settings).values()):
        yield document.at(("reason_required",), "there are no reasons to choose from", "list them below 'reasons'")
    known = {*mapping(document.values.get("reasons")), RONA}
    if known == {RONA}:
        return
    for at, queue in _written_routings(settings):
        if not isinstance(queue, QueueConfig):
            continue
        for field in ("no_answer", "rejected", "offline"):
            penalty: PenaltyConfig | None = getattr(queue, field)
            if penalty is not None and penalty.not_ready is not None and penalty.not_ready not in known:
                problem = f"no such reason: {penalty.not_ready!r}"
                yield document.at((*at, field, "not_ready"), problem, did_you_mean(penalty.not_ready, known))


def _wrap_ups(settings: models.Settings, document: Document) -> Iterator[Fault]:
    for name in settings.queues:
        queue = queue_plan(settings, name)
        if queue.wrap_up_most < queue.wrap_up:
            own = settings.queues[name].wrap_up_most is not None
            at: Path = ("queues", name, "wrap_up_most") if own else ("queue_defaults", "wrap_up_most")
            most, least = duration_text(queue.wrap_up_most), duration_text(queue.wrap_up)
            yield document.at(at, f"{most} is shorter than the wrap-up of queue {name!r}, {least}")


def _extensions(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """What an agent presses must mean one thing."""
    if settings.queue_defaults.extension is not None:
        yield document.at(("queue_defaults", "extension"), "cannot be a default: each queue needs its own")
    owners: dict[str, str] = {id: f"agent {id!r}" for id in settings.agents}
    for name, queue in settings.queues.items():
        owner = owners.setdefault(queue.extension, f"queue {name!r}") if queue.extension is not None else ""
        if owner and owner != f"queue {name!r}":
            yield document.at(("queues", name, "extension"), f"{queue.extension!r} is already taken by {owner}")
    for code in settings.keys:
        for other in settings.keys:
            if other != code and other.startswith(code):
                yield document.at(("keys", other), f"begins with {code!r}, which is itself a feature code", key=True)


def _routings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Steps must lead somewhere: no step after one that never ends, and no end without ``then``."""
    for at, routing in _written_routings(settings):
        steps = routing.steps or ()
        for index, step in enumerate(steps[:-1]):
            if step.lasts is None and step.skills is not ANYBODY:
                yield document.at((*at, "steps", index), "never ends: the steps after it are never reached", "add 'for'")
        if steps and steps[-1].lasts is None and steps[-1].skills is not ANYBODY and routing.then:
            hint = "add 'for' to the last step, or remove 'then'"
            yield document.at((*at, "then"), "is never reached: the last step never ends", hint, key=True)
    for queue, _, resolved in _all(settings):
        if not resolved.steps and not _steps_meant(document, queue):
            yield document.at(("queues", queue), "has no steps", 'add steps: [{skills: "support >= 1"}]', key=True)
        elif resolved.ends and resolved.then is None and not _then_meant(document, queue):
            at = (*resolved.steps_at, len(resolved.steps) - 1)
            yield document.at(
                at,
                f"ends, but queue {queue!r} has no 'then' that says where callers go next",
                "add 'then', or remove this last 'for'",
            )


def _steps_meant(document: Document, queue: str) -> bool:
    """Whether there are steps that are wrong themselves, or in a misspelt key."""
    holders = (mapping(document.values.get("queue_defaults")), mapping(mapping(document.values.get("queues")).get(queue)))
    known = QueueConfig.model_fields.keys()
    return any(key == "steps" or (key not in known and nearest(key, known) == "steps") for key in chain(*holders))


def _then_meant(document: Document, queue: str) -> bool:
    """Whether a ``then`` was left out of the settings for being wrong itself, or may hide in a misspelt key."""
    holders = (mapping(document.values.get("queue_defaults")), mapping(mapping(document.values.get("queues")).get(queue)))
    tiers = chain.from_iterable(mapping(holder.get("tiers")).values() for holder in holders)
    known = QueueConfig.model_fields.keys() | QueueTierConfig.model_fields.keys()
    return any(key == "then" or key not in known for holder in chain(holders, tiers) for key in mapping(holder))


def _all(settings: models.Settings) -> Iterator[tuple[str, str, Resolved]]:
    for queue in settings.queues:
        for tier in settings.tiers.order:
            yield queue, tier, resolve(settings, queue, tier)


def _cycles(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A caller keeps the tier, so each tier's way through the queues must come to an end."""
    told: set[frozenset[str]] = set()
    for tier in settings.tiers.order:
        ways = {queue: resolve(settings, queue, tier) for queue in settings.queues}
        for start in sorted(ways):
            path = _round_trip(start, ways)
            if path and frozenset(path) not in told:
                told.add(frozenset(path))
                circle = " -> ".join([*path, path[0]])
                yield document.at(
                    (*ways[start].then_at, "queue"), f"callers of tier {tier!r} would be in a loop without exit: {circle}"
                )


def _round_trip(start: str, ways: dict[str, Resolved]) -> list[str]:
    """The queues from ``start`` back to ``start``; empty when the way does not come back."""
    path, here = [start], start
    while len(path) <= len(ways):
        way = ways[here]
        here = way.then.queue or "" if way.ends and way.then else ""
        if here == start:
            return path
        if here not in ways:
            return []
        path.append(here)
    return []


LONGEST_RING = 60.0
"""Seconds beyond which a phone that rings is taken for one at which nobody sits."""


def _long_rings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """The caller waits for one agent all that time, although another may be free."""
    queues: list[tuple[Path, QueueConfig]] = [(("queue_defaults",), settings.queue_defaults)]
    queues += [(("queues", name), queue) for name, queue in settings.queues.items()]
    for at, queue in queues:
        if queue.ring_for is not None and queue.ring_for > LONGEST_RING:
            problem = Sentence(
                "one phone would ring for {duration} while the caller waits for that agent alone",
                duration=duration_text(queue.ring_for),
            )
            hint = Sentence("15s to 30s is usual: then the caller is offered to somebody else")
            yield document.at((*at, "ring_for"), problem, hint)


def _endless(settings: models.Settings, document: Document) -> Iterator[Fault]:
    told: set[Path] = set()
    for queue, tier, resolved in _all(settings):
        at: Path = (*resolved.steps_at, len(resolved.steps) - 1)
        if resolved.then and not resolved.ends and at not in told:
            told.add(at)
            place = document.place(resolved.then_at, key=True)
            problem = Sentence(
                "never ends: callers of tier {tier} cannot leave queue {queue} by 'then' (line {line} of {file})",
                tier=repr(tier),
                queue=repr(queue),
                line=place.line,
                file=place.file,
            )
            yield document.at(at, problem)


def _unserved(settings: models.Settings, document: Document) -> Iterator[Fault]:
    if not settings.agents and not document.observed:
        yield document.at(("agents",), Sentence("no agent is configured: no call can be answered"))
        return
    profiles = {skills.profile(agent.skills) for agent in settings.agents.values()}
    told: set[Path] = set()
    for _, _, resolved in _all(settings):
        for index, step in enumerate(resolved.steps):
            at: Path = (*resolved.steps_at, index, "skills")
            if at not in told and not _fits_any(step.skills, profiles):
                yield document.at(at, Sentence("no agent can ever serve this step: {needs}", needs=str(step.skills)))
            told.add(at)


def _fits_any(requirement: skills.Requirement, profiles: Collection[skills.Profile]) -> bool:
    return any(requirement.strength(profile) is not None for profile in profiles)


def _unused(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Queues that no call comes to, agents who get none, namesakes."""
    plan: Plan = settings.plan()
    ways = [resolved.then for _, _, resolved in _all(settings) if resolved.then and resolved.ends]
    reached = {way.queue for way in plan.entries.values() if isinstance(way, ToQueue)} | {then.queue for then in ways}
    reached |= {name for _, kind, name in flow_rules.names(settings) if kind == "queue"}
    for queue in settings.queues:
        if queue not in reached:
            yield document.at(("queues", queue), Sentence("no entry or overflow leads to this queue"), key=True)
    asked = {step.skills for _, _, resolved in _all(settings) for step in resolved.steps}
    names: dict[str, str] = {}
    for id, agent in plan.agents.items():
        if not any(step.strength(agent.skills) is not None for step in asked):
            problem = Sentence("meets the requirements of no step: will never get a call")
            yield document.at(("agents", id), problem, key=True)
        if names.setdefault(agent.name, id) != id:
            other = repr(names[agent.name])
            problem = Sentence("has the same name as agent {agent}: {name}", agent=other, name=agent.name)
            yield document.at(("agents", id), problem, key=True)
