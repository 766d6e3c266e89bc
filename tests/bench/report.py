# ruff: noqa: E501 - lines of a document
"""``python -m tests.bench.report``: writes README.md of this folder from the records in ``results``. Nothing is typed in."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCENARIOS = {
    "stationary": "a quarter of the dials is answered by people, all day",
    "jumping": "that share jumps every 20 to 60 minutes, to 0.4 to 1.6 of the usual",
    "few_people": "a tenth is answered by people, and jumps",
    "long_talks": "talks of 300 s in place of 120, and the share jumps",
    "own": "never tuned on: short and long talks, a daily curve, other rings, machines and wrap-ups",
}
STUDY = {
    ("predictive", "stationary"): (77.1, 82.8, 88.0, 93.0, 95.0),
    ("predictive", "jumping"): (75.7, 81.8, 87.5, 92.8, 95.0),
    ("predictive_daily", "jumping"): (72.4, 76.3, 83.1, 91.5, 94.7),
}
"""Utilisation of a model-based pacer that knew the laws of talks and rings, in percent; by the floors of 5, 10, 20, 50, 100."""
CHAOS_COUNTS = (
    *("calls", "answered", "abandoned", "fallback", "pbx_killed", "lost", "cut", "unbridged"),
    *("ghost_rings", "double_rings", "dialled_twice", "stuck_agents", "failed"),
)
NAMES = {"predictive": "predictive (30 days)", "predictive_daily": "predictive (24 h, hard)"}


def record(name: str) -> dict[str, Any] | None:
    """The last one, if there is any."""
    found = records(name)
    return found[-1] if found else None


def records(name: str) -> list[dict[str, Any]]:
    path = HERE / "results" / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def readme(
    pacing: Mapping[str, Any] | None,
    throughput: Mapping[str, Any] | None,
    chaos: Sequence[Mapping[str, Any]] = (),
    history: Sequence[Mapping[str, Any]] = (),
    takeover: Sequence[Mapping[str, Any]] = (),
    overload: Mapping[str, Any] | None = None,
    soak: Sequence[Mapping[str, Any]] = (),
    waiting: Mapping[str, Any] | None = None,
) -> str:
    chapters = (
        *(_lines(pacing), _throughput(throughput), _overload(overload), _history(history), _takeover(takeover), _soak(soak)),
        *(_waiting(waiting), _chaos(chaos)),
    )
    return "\n\n".join("\n".join(chapter) for chapter in chapters) + "\n"


def _chaos(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The last run: a row for each fault, its rounds together."""
    yield "## chaos"
    yield ""
    yield "`make chaos`, or `.venv/bin/python -m tests.bench chaos [--rounds N] [--faults a,b] [--seed N] [--labs N] [--rate N]`: a leader and a standby"
    yield "on one Asterisk 22, 30 agents, a campaign beside them, and rounds of 15 s at 10 calls/s, each with one fault in the middle, after which all is whole again."
    yield "Every call is joined by the caller's number between the caller's record, those of the phones, and the PBX's own event log of who entered a bridge."
    yield "Lost: neither put through, nor in the fallback, nor gone by the caller's own hang-up. Cut: a talk that neither side ended. Unbridged: an agent picked up"
    yield "and was not put through, though the caller was there. Ghost ring: over 1 s after the caller left. Double ring: two phones over 1 s for one caller."
    yield "Dialled twice: a number that the campaign may dial once. Stuck agent: not ready 5 s after the last call, with a phone that works. PBX killed: calls on the"
    yield "Asterisk that was killed. Served after: from the fault to the next pick-up of a phone that callbridge rang. What a round leaves that went wrong (logs,"
    yield "records of its calls) is in `build/chaos`, a line for each round in `build/chaos/rounds.jsonl`. It is not part of `make bench`: 20 rounds take eight minutes."
    last = next((one for one in reversed(found) if "rows" in one), None)
    if last is None:
        return
    yield ""
    yield f"Commit {last['commit']}, Python {last['python']}, {last['cores']} cores, {last['labs']} labs of {last['rate']:g} calls/s each, seed {last['seed']}."
    yield f"{last['rounds']} rounds, {last['calls']} calls. {_takeovers(last)}"
    yield ""
    yield f"| fault | rounds | {' | '.join(name.replace('_', ' ') for name in CHAOS_COUNTS)} | served after s: median | longest |"
    yield f"| --- | {'---: | ' * (len(CHAOS_COUNTS) + 3)}".rstrip()
    for fault in sorted({row["fault"] for row in last["rows"]}):
        rows = [row for row in last["rows"] if row["fault"] == fault]
        sums = " | ".join(str(sum(row.get(name, 0) for row in rows)) for name in CHAOS_COUNTS)
        waits = sorted(row["seconds_to_serve"] for row in rows if row.get("seconds_to_serve") is not None)
        longest = f"{statistics.median(waits):.2f} | {waits[-1]:.2f}" if waits else "- | -"
        yield f"| {fault} | {len(rows)} | {sums} | {longest} |"


def _takeovers(found: Mapping[str, Any]) -> str:
    if not found["takeovers"]:
        return ""
    figures = ", ".join(f"p{share} {found[f'takeover_p{share}_s']} s" for share in (50, 99))
    return f"From a leader's death or freeze to the first INVITE of the new one, {found['takeovers']} times: {figures}."


def _throughput(found: Mapping[str, Any] | None) -> Iterator[str]:
    """Calls a second; a row that failed says why."""
    yield "## throughput"
    yield ""
    if found is None or "highest_rate" not in found:
        yield "Not measured yet at all rates: `.venv/bin/python -m tests.bench throughput` (10, 40, 80 and 100 calls/s for 60 s each, then the highest"
        yield "rate without a failure in runs of 20 s; `--seconds N`, `--rates 10,40`, `--dtmf off`). A system that cannot keep up is a row with what failed and why."
        return
    yield f"Commit {found['commit']}, Python {found['python']}, {found['cores']} cores shared by PBX, callbridge, Redis and the callers; `dtmf` {found['dtmf']}."
    yield ""
    yield "60 agents, a talk of 0.5 s, no wrap-up. Failed: no agent answered, no clean end on both sides, or no voice both ways (every 20th call). Wait: from the"
    yield "caller's INVITE to the agent's answer; 99 % must wait for less than three seconds, else the line grows. CPU in milliseconds for each call."
    yield ""
    yield "| system | calls/s | seconds | calls | failed | why | wait p50 ms | p99 ms | PBX CPU | own CPU |"
    yield "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |"
    for row in found["rows"]:
        figures = " | ".join(str(row[key]) for key in ("wait_p50_ms", "wait_p99_ms", "pbx_cpu_ms", "own_cpu_ms"))
        yield f"| {row['system']} | {row['rate']} | {row['seconds']:g} | {row['calls']} | {row['failed']} | {row['reason']} | {figures} |"
    yield ""
    highest = ", ".join(f"{system} {rate}" for system, rate in found["highest_rate"].items())
    yield f"Highest rate that was kept up without a failure, looked for up to {found['searched_up_to']} calls/s: {highest}."


def _overload(found: Mapping[str, Any] | None) -> Iterator[str]:
    """A row for each system and rate; one that could not be measured says why."""
    yield "## overload"
    yield ""
    yield "`.venv/bin/python -m tests.bench overload [--capacity N] [--factors 0.5,1,1.5,2,3] [--seconds N]`: the floor of `throughput` is offered a multiple of its"
    yield "capacity. Every tenth caller is a VIP, who is promised an agent within 5 s. Failed: neither answered by an agent nor refused. With limits: callbridge"
    yield "refuses before it answers, VIPs last (`limits.responds_within: 0.3`, `most_waiting: 200`). Normal: a call is answered by an agent within a second again."
    yield ""
    if found is None:
        yield "Not measured yet."
        return
    yield f"Commit {found['commit']}, Python {found['python']}, {found['cores']} cores shared by PBX, callbridge, Redis and the callers; capacity {found['capacity']:g} calls/s, {found['seconds']:g} s each."
    yield ""
    yield "| offered | system | calls | served/s | of its peak % | refused | failed | VIPs within promise % | event age p99 ms | load | normal after s |"
    yield "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in found["rows"]:
        if "reason" in row:
            yield f"| {row['offered']:g}x | {row['system']} | {row['reason']} | | | | | | | | |"
            continue
        shares = f"{100 * row['served_share_of_peak']:.0f} | {row['refused']} | {row['failed']} | {100 * row['vip_within_promise']:.1f}"
        rest = f"{row.get('event_age_p99_ms') or ''} | {row['load']} | {row['seconds_to_normal']}"
        yield f"| {row['offered']:g}x | {row['system']} | {row['calls']} | {row['served_per_second']} | {shares} | {rest} |"


def _soak(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## soak"
    yield ""
    yield "`.venv/bin/python -m tests.bench soak [--minutes N] [--rate N]`: half an hour of 10 calls/s with history, webhooks, public stream, screens and scrapes. Memory of"
    yield "callbridge's process in minute 5 and at the end; latency from a fact's own time to its being in Redis, in the first and in the last five minutes."
    yield ""
    yield "| commit | load average | minutes | calls | failed | not in the history | MB, minute 5 | MB, end | growth % | p50 ms | p50 at the end | p99 ms | p99 at the end |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    names = ("minutes", "calls", "failed", "missing_in_history", "rss_start_mb", "rss_end_mb", "rss_growth_percent")
    times = ("p50_start_ms", "p50_end_ms", "p99_start_ms", "p99_end_ms")
    for one in found:
        yield f"| {one['commit']} | {one['load']} | {' | '.join(str(one[name]) for name in (*names, *times))} |"


def _waiting(found: Mapping[str, Any] | None) -> Iterator[str]:
    """A row for each way to let callers wait, each codec with its two sources beside each other."""
    yield "## waiting"
    yield ""
    yield "`.venv/bin/python -m tests.bench waiting [--callers N] [--codecs ulaw,alaw,g722]`: milliseconds of Asterisk's processor for each waiting caller and second."
    yield "Sound as 8 kHz PCM, which is encoded for each caller, or in the callers' codec. In every way keys are reported and one caller can be played something alone."
    if found is None:
        return
    yield "The 50 packets a second are what costs; a holding bridge saves nothing that can be told from the noise, so callers keep the music of their channels."
    yield ""
    yield f"Commit {found['commit']}, load average {found['load']}, {found['callers']} callers, medians of {found['rounds']} rounds of {found['seconds']:g} s."
    yield ""
    rows = {(row["way"], row["codec"], row["source"]): row["ms_per_s"] for row in found["rows"]}
    codecs = list(dict.fromkeys(row["codec"] for row in found["rows"]))
    yield f"| callers hear | {' | '.join(f'{codec}: PCM | own codec' for codec in codecs)} |"
    yield f"| --- |{' ---: | ---: |' * len(codecs)}"
    for way in dict.fromkeys(row["way"] for row in found["rows"]):
        figures = [
            str(rows.get((way, codec, source), rows.get((way, codec, ""), "")))
            for codec in codecs
            for source in ("wav", "native")
        ]
        yield f"| {way} | {' | '.join(figures)} |"


def _takeover(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The machine's load stands beside each figure: under load everybody waits longer."""
    yield "## takeover"
    yield ""
    yield "From `kill -9` of the leader to the first INVITE of its standby, on a real Asterisk 22; and how long a standby takes to load 10,000 saved calls."
    yield ""
    yield "| commit | load average | rounds | p50 s | p99 s | longest s | load 10,000 calls ms |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for one in found:
        figures = " | ".join(str(one[key]) for key in ("takeover_p50_s", "takeover_p99_s", "takeover_max_s", "load_ms"))
        yield f"| {one['commit']} | {one['load']} | {one['rounds']} | {figures} |"


def _history(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Of each kind of database the last record with the most calls."""
    yield "## history"
    yield ""
    yield "`.venv/bin/python -m tests.bench history [--calls N] [--databases sqlite,postgresql]`: a year of calls, 10,000,000 unless said otherwise, in tables that"
    yield "callbridge made. Reports: all queues, and all agents, of one day by hour, in the middle of the year and at its end, the slowest of three runs. Facts: of a busy"
    yield "floor, through outbox, reader and store in service into that database, while another floor takes 40 % of the loop's time. Asked for: a day's reports in 2 s,"
    yield "2,000 facts/s. It is not part of `make bench`: making the calls takes the better part of an hour."
    best: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for one in found:
        for row in one["rows"]:
            if row["database"] not in best or row["calls"] >= best[row["database"]][1]["calls"]:
                best[row["database"]] = one, row
    if not best:
        return
    yield ""
    yield "| database | commit | load | calls | GB | queues s | agents s | both s | facts | facts/s |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    names = ("gigabytes", "queues_report_s", "agents_report_s", "day_report_s")
    for database, (one, row) in best.items():
        figures = " | ".join(str(row[name]) for name in names)
        counts = f"{row['facts']:,} | {row['facts_per_s']:,}"
        yield f"| {database} | {one['commit']} | {one['load']} | {row['calls']:,} | {figures} | {counts} |"


def _lines(pacing: Mapping[str, Any] | None) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "`make bench` runs all of them but chaos and history, `.venv/bin/python -m tests.bench NAME` one; each appends what it found, and on what, to `results/NAME.jsonl`."
    yield "This file is made of those records by `.venv/bin/python -m tests.bench.report`."
    yield ""
    yield "## pacing"
    yield ""
    if pacing is None:
        yield "Not measured yet."
        return
    yield f"Commit {pacing['commit']}, Python {pacing['python']}, {pacing['cores']} cores, {pacing['minutes']} minutes; fresh seeds from {pacing['fresh_seeds_from']}."
    yield ""
    yield "Simulated shifts of eight hours (`tests/sim/shift.py`). Utilisation: time in talk and wrap-up / time at work. Abandoned: people who answered and"
    yield "found nobody within 2 s / people who answered, pooled over the shifts; worst: of one shift with 100 answers or more. ± is a 95 % interval of the mean."
    yield "`power` and `ratio` have the best factor in hindsight, on the shifts shown; `adaptive` is VICIdial's published method."
    for scenario, what in SCENARIOS.items():
        rows = [row for row in pacing["rows"] if row["scenario"] == scenario]
        if rows:
            yield ""
            yield f"**{scenario}**: {what}"
            yield ""
            yield from _table(rows)
    yield from _beside_the_study(pacing["rows"])
    yield ""
    yield "| what | found | asked for |"
    yield "| --- | --- | --- |"
    yield f"| abandoned among the first 100 answers of a cold start, 50 agents | {pacing['cold_start_abandon_rate']:.1%} | 5 % at most |"
    yield f"| abandoned in the ten minutes after the answer rate has tripled, 20 agents | {pacing['after_step_abandon_rate']:.1%} | 6 % at most |"
    yield f"| one decision, 100 agents and 500 dials | {pacing['decision_ms']} ms | 1 ms |"
    yield f"| one decision, 1,000 agents and 5,000 dials | {pacing['decision_1000_ms']} ms | 5 ms |"


def _beside_the_study(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Ours, and by how many points more or less than a pacer that knew what ours learns."""
    found = {(row["pacer"], row["scenario"], row["n"]): 100 * row["utilisation"] for row in rows}
    yield ""
    yield "**Beside a study** of a model-based pacer that knew the laws of talks and rings, which this one learns: utilisation, and points more or less"
    yield ""
    yield "| pacer | scenario | 5 | 10 | 20 | 50 | 100 agents |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for (pacer, scenario), known in STUDY.items():
        ours = [found.get((pacer, scenario, n)) for n in (5, 10, 20, 50, 100)]
        cells = ["-" if one is None else f"{one:.1f} ({one - other:+.1f})" for one, other in zip(ours, known, strict=True)]
        yield f"| {NAMES[pacer]} | {scenario} | {' | '.join(cells)} |"


def _table(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "| pacer | agents | utilisation % | ± | abandoned % | worst shift % | shifts |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in rows:
        used, within = 100 * row["utilisation"], 100 * row["within"]
        lost, worst = 100 * row["abandon_rate"], 100 * row["worst_shift_abandon_rate"]
        name = NAMES.get(row["pacer"], row["pacer"])
        yield f"| {name} | {row['n']} | {used:.1f} | {within:.1f} | {lost:.2f} | {worst:.2f} | {row['shifts']} |"


def current() -> str:
    """Of the records that there are now."""
    return readme(
        *(record("pacing"), record("throughput"), records("chaos"), records("history"), records("takeover")),
        record("overload"),
        records("soak"),
        record("waiting"),
    )


if __name__ == "__main__":
    (HERE / "README.md").write_text(current())
