"""Files, the environment, secrets, and what the settings come to."""

from __future__ import annotations

import io
import os
import pathlib
from typing import Any, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from callbridge.cli.check import check
from callbridge.core.model.plan import AgentOrder, ConnectMode, Penalty, PhoneRules, Prompts, Reason, ToDialplan, ToQueue
from callbridge.service.adapter_settings import redis_settings
from callbridge.settings.auto_answer import PRESETS, AutoAnswerConfig
from callbridge.settings.document import Document
from callbridge.settings.durations import duration_text, seconds
from callbridge.settings.external_files import anchor_files
from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load
from callbridge.settings.models import Settings
from callbridge.settings.schema import kind_of, plain
from tests.examples import examples
from tests.settings.conftest import RIGHT, Write, right, told

ROOT = pathlib.Path(__file__).parents[2]
EXAMPLE = ROOT / "config"

TOKEN = ("agents:\n", "http: {token: 0123456789abcdef}\nagents:\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [("500ms", 0.5), ("20s", 20), ("10m", 600), ("1h30m", 5400), ("90", 90), ("1.5", 1.5), ("1d", 86400), ("1m 30s", 90), (7, 7)],
)
def test_a_duration_is_read(text: object, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "-1", "1e3", "nan", "inf", "1:30", "5 x", "31d", "\u0665s", True, None, [], "9" * 400])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        seconds(text)


@given(st.integers(0, 86_400_000))
def test_a_duration_written_is_read_back(milliseconds: int) -> None:
    assert seconds(duration_text(milliseconds / 1000)) == milliseconds / 1000


def test_the_example_is_clean_and_means_what_it_says() -> None:
    loaded = load(EXAMPLE / "callbridge.yaml", {})
    assert loaded.warnings == ()
    plan = loaded.plan()
    diamond = plan.queues["support"].routings["diamond"]
    assert (diamond.answer_within, diamond.head_start) == (5, 600)
    assert [(str(step.needs), step.lasts) for step in diamond.steps] == [
        ("support >= 4 or expert >= 3", 8),
        ("support >= 1", 120),
    ]
    assert diamond.then == ToQueue("general")
    modes = [agent.connect for agent in plan.agents.values()]
    assert [modes.count(mode) for mode in ConnectMode] == [8, 2, 2]
    assert [agent.phone for agent in plan.agents.values()] == [f"PJSIP/{number}" for number in range(1001, 1013)]


def test_a_folder_is_read_whole_and_each_file_once() -> None:
    assert load(EXAMPLE, {}).plan() == load(EXAMPLE / "callbridge.yaml", {}).plan()


def test_includes_are_relative_to_the_file_that_says_them(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/a.yaml").write_text("include: b.yaml\nbeep: sound:ding\ntiers: {csv: t.csv}\n")
    (tmp_path / "parts/b.yaml").write_text(
        "include: [a.yaml, ../cb.yaml]\nagents: {bob: {phone: PJSIP/9, skills: {support: 1}}}\n"
    )
    (tmp_path / "parts/t.csv").write_text("+441,gold\n")
    loaded = right(write(("pbx:", "include: [parts/a.yaml]\npbx:")))
    assert loaded.beep == "sound:ding"
    assert loaded.tiers.csv == pathlib.Path("parts/t.csv")
    assert list(loaded.agents) == ["0101", "ann", "bob"]


def test_faults_name_the_file_that_is_wrong_and_do_not_guess_at_one_unread(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "more.yaml").write_text("\nlog: {level: loud}\n")
    assert told(write(("pbx:", "include: [more.yaml, gone.yaml]\npbx:"), ("queue: support", "queue: in_gone"))) == [
        "cb.yaml:1: include[1]: cannot read 'gone.yaml': no such file or directory",
        "more.yaml:2: log.level: must be 'debug', 'info', 'warning' or 'error', not 'loud'",
    ]


def test_the_same_name_in_two_files_is_a_fault(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "more.yaml").write_text("\nagents:\n  ann: {phone: PJSIP/9}\nskills: [x]\n")
    assert told(write(("agents:\n", "include: more.yaml\nagents:\n"))) == [
        "more.yaml:3: agents.ann: is already given in cb.yaml:19",
        "more.yaml:4: skills: is already given in cb.yaml:5",
    ]


def test_numbers_and_words_stay_text(write: Write) -> None:
    loaded = right(write(("  ann:", "  no:"), ("王小明", "1e3")))
    assert list(loaded.agents) == ["0101", "no"]
    assert loaded.agents["0101"].name == "1e3"
    assert loaded.agents["no"].login is True


def test_the_environment_fills_in(write: Write) -> None:
    path = write(
        ("user: u, password: p", 'user: "${U}", password: "a$$b${P:-d}"'), ("http://127.0.0.1", "http://${H:-localhost}")
    )
    ari = right(path, {"U": "me", "P": ""}).pbx[0].ari
    assert (ari.user, ari.password.get_secret_value(), ari.url) == ("me", "a$bd", "http://localhost:8088/ari")


def test_a_secret_may_be_a_file(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "pw").write_text("s3cret\n")
    loaded = right(write(("password: p", "password_file: pw")))
    assert loaded.pbx[0].ari.password.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(loaded)


def test_the_url_of_the_database_may_stand_in_a_file(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "url.txt").write_text("sqlite:////tmp/leads.db\n")
    path = write(text=RIGHT + "database: {url_file: url.txt}\n")
    settings = right(path)
    assert settings.database is not None
    assert settings.database.url.get_secret_value() == "sqlite:////tmp/leads.db"


def test_pins_are_secrets_and_may_be_files(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "pin").write_text("0815\n")
    loaded = right(write(("connect: nailed_up", "pin_file: pin"), ("phone: PJSIP/1001", "pin: 0471, phone: PJSIP/1001")))
    plan = loaded.plan()
    assert (plan.agents["ann"].pin, plan.agents["0101"].pin) == ("0815", "0471")
    assert not [pin for pin in ("0815", "0471") if pin in repr(loaded) + repr(plan)]


def test_a_pin_of_a_variable_that_is_not_set_is_none(write: Write) -> None:
    assert right(write(("connect: nailed_up", 'pin: "${PIN_ANN:-}"'))).plan().agents["ann"].pin == ""


def test_what_agents_do_at_phones_is_filled_in(write: Write) -> None:
    text = """\
reasons: {lunch: {limit: 45m, digit: 1}, training: }
alert_after_misses: 5
prompts: {logged_in: "hello,digits:1", pin: custom/pin}
trunks: [pjsip/trunk]
queue_defaults: {wrap_up: 10s}
skills: ["""
    agent = "connect: nailed_up, language: de, supervisor: yes"
    most = ("  general:\n", "  general:\n    wrap_up_most: 1m\n")
    plan = right(write(("skills: [", text), ("connect: nailed_up", agent), most)).plan()
    assert dict(plan.reasons) == {"lunch": Reason("lunch", 2700, "1"), "training": Reason("training")}
    assert (plan.alert_after_misses, plan.trunks, plan.display) == (5, frozenset({"PJSIP/trunk"}), "{tier} {queue} {name}")
    assert (plan.prompts.logged_in, plan.prompts.pin) == ("sound:hello,digits:1", "sound:custom/pin")
    assert plan.prompts.logged_out == Prompts().logged_out
    assert (plan.queues["support"].wrap_up_most, plan.queues["general"].wrap_up_most) == (10, 60)
    assert (plan.agents["ann"].language, plan.agents["ann"].supervisor, plan.agents["0101"].supervisor) == ("de", True, False)


def test_hosts_are_compared_as_transfers_name_them(write: Write) -> None:
    hosts = "phones: {domains: [PBX.example, 192.0.2.10, '[2001:DB8::1]', pbx_2, '*']}\nskills: ["
    assert right(write(("skills: [", hosts))).plan().phones.domains == ("pbx.example", "192.0.2.10", "2001:db8::1", "pbx_2", "*")


def test_phones_that_are_allowed_besides_agents_own_are_none_unless_listed(write: Write) -> None:
    assert right(write()).plan().phones.allowed == ()
    phones = "phones: {allowed: [pjsip/2*, 'PJSIP/30?1', SIP/lobby]}\nskills: ["
    assert right(write(("skills: [", phones))).plan().phones.allowed == ("PJSIP/2*", "PJSIP/30?1", "SIP/lobby")


def test_what_holds_for_phones_is_filled_in(write: Write) -> None:
    assert right(write()).plan().phones == PhoneRules(allowed=())
    phones = "phones: {silent_after: 5s, do_not_disturb: not_ready, auto_answer: {preset: yealink}}\nskills: ["
    own = "connect: nailed_up, auto_answer: {preset: grandstream, headers: {call-info: mine, X-Answer: now}}"
    plan = right(write(("skills: [", phones), ("connect: nailed_up", own))).plan()
    yealink = (("Alert-Info", "<sip:callbridge>;info=alert-autoanswer;delay=0"),)
    assert plan.phones == PhoneRules(silent_after=5.0, pause_on_dnd=True, auto_answer=yealink, allowed=())
    assert plan.agents["ann"].auto_answer == (("call-info", "mine"), ("X-Answer", "now"))
    assert plan.agents["0101"].auto_answer == ()


def test_the_first_of_several_phones_is_the_agents_own_and_the_others_ring_also(write: Write) -> None:
    given = "phones: [PJSIP/1002, PJSIP/1002-web, PJSIP/3], hint: 1002@ext-local"
    ann = right(write(("phone: PJSIP/1002", given))).plan().agents["ann"]
    assert ann.hint == "1002@ext-local"
    assert (ann.phone, ann.also) == ("PJSIP/1002", ("PJSIP/1002-web", "PJSIP/3"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_sends_headers_and_stands_in_the_guide(preset: str) -> None:
    sent = AutoAnswerConfig.model_validate({"preset": preset}).sent()
    page = (pathlib.Path(__file__).parents[2] / "deploy" / "guide" / "agents-and-phones.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{preset}` |")]
    assert sent
    assert all(f"`{name}: {text}`" in row for name, text in sent)


def test_a_secret_file_that_cannot_serve_is_a_fault(write: Write, tmp_path: pathlib.Path) -> None:
    (tmp_path / "pw").write_text(" \n")
    path = write(("password: p", "password_file: pw"), ("secret: s", "secret: s, secret_file: pw"))
    assert told(path) == [
        "cb.yaml:3: pbx[0].ari.password_file: cannot read 'pw': it is empty",
        "cb.yaml:4: pbx[0].ami.secret_file: is given together with secret (hint: keep only one of them)",
    ]


def test_merge_keys_fill_in(write: Write) -> None:
    base = "agents:\n  x: &base {phone: PJSIP/7, skills: {english: 1}, connect: auto_answer}\n"
    agents = right(write(("agents:\n", base), ("ann: {", "ann: {<<: *base, "), (", connect: nailed_up", ""))).agents
    assert (agents["ann"].phone, agents["ann"].connect) == ("PJSIP/1002", ConnectMode.AUTO_ANSWER)


def test_defaults_are_filled_in_setting_by_setting_and_the_tier_comes_first(write: Write) -> None:
    defaults = (
        "queue_defaults:\n  target: {answer_within: 30s, share: 0.7}\n  wrap_up: 9s\n  pick: highest_level\n"
        "  offline: {not_ready: gone, return_after: 1m}\n  then: {dialplan: 'ivr, bye'}\n"
        "  tiers: {gold: {head_start: 3m, target: {answer_within: 10s}}}\nqueues:\n"
    )
    tier = "    target: {answer_within: 25s, share: 0.9}\n"
    tier += "    tiers: {silver: {steps: [{skills: 中文, for: 5s}], then: {queue: general}}}\n"
    path = write(("queues:\n", defaults), ("    then: {queue: general}\n", tier), ('中文"}]', '中文", for: 1m}]\n    wrap_up: 0'))
    plan = right(path).plan()
    support, general = plan.queues["support"], plan.queues["general"]
    assert (support.pick, support.wrap_up, general.wrap_up, support.ring_for) == (AgentOrder.HIGHEST_LEVEL, 9, 0, 15)
    assert (support.offline, support.rejected) == (Penalty(not_ready="gone", return_after=60), Penalty(rest=10))
    assert {tier: routing.answer_within for tier, routing in support.routings.items()} == {
        "diamond": 25, "gold": 10, "silver": 25, "standard": 25,
    }  # fmt: skip
    assert (support.sl_target, general.sl_target, right(write()).plan().queues["general"].sl_target) == (0.9, 0.7, 0.8)
    assert general.routings["gold"].head_start == 180
    assert [str(step.needs) for step in support.routings["silver"].steps] == ["中文 >= 1"]
    assert support.routings["silver"].then == ToQueue("general")
    assert support.routings["gold"].then == ToDialplan("ivr", "bye")


def test_a_circle_of_one_tier_only_is_found(write: Write) -> None:
    tier = "    tiers: {gold: {steps: [{skills: english, for: 5s}], then: {queue: support}}}\n"
    assert told(write(("  general:\n", f"  general:\n{tier}"))) == [
        "cb.yaml:15: queues.general.tiers.gold.then.queue: "
        "callers of tier 'gold' would be in a loop without exit: general -> support -> general"
    ]


def test_what_is_hardly_meant_is_a_warning(write: Write) -> None:
    tier = "    tiers: {gold: {steps: [{skills: support}]}}\n"
    path = write(
        ("  general:\n", f"{tier}  lonely: {{steps: [{{skills: support >= 5}}]}}\n  general:\n"),
        ("{english: 2}", "{support: 1}"),
        ("name: 王小明", "name: ann"),
        ("english or 中文", "中文 >= 5"),
    )
    assert [str(warning) for warning in right(path).warnings] == [
        "cb.yaml:14: queues.support.tiers.gold.steps[0]: never ends: "
        "callers of tier 'gold' cannot leave queue 'support' by 'then' (line 13 of cb.yaml)",
        "cb.yaml:15: queues.lonely: no entry or overflow leads to this queue",
        "cb.yaml:15: queues.lonely.steps[0].skills: no agent can ever serve this step: support >= 5",
        "cb.yaml:20: agents.ann: has the same name as agent '0101': ann",
    ]


@pytest.mark.parametrize(("given", "doubted"), [("60s", ""), ("61s", "1m1s"), ("9000", "2h30m")])
def test_a_phone_that_rings_very_long_is_a_warning(write: Write, given: str, doubted: str) -> None:
    one = right(write(("  general:\n", f"  general:\n    ring_for: {given}\n")))
    all_queues = right(write(("queues:\n", f"queue_defaults: {{ring_for: {given}}}\nqueues:\n")))
    for loaded, place in ((one, "queues.general"), (all_queues, "queue_defaults")):
        assert [str(warning).split(": ", 1)[1] for warning in loaded.warnings] == [
            f"{place}.ring_for: one phone would ring for {doubted} while the caller waits for that agent alone "
            "(hint: 15s to 30s is usual: then the caller is offered to somebody else)"
        ] * bool(doubted)


def test_check_prints_what_it_means_and_says_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(EXAMPLE / "callbridge.yaml", {"CALLBRIDGE_TOKEN": "0123456789abcdef"}, strict=True) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "0s to 8s         support >= 4 or expert >= 3  3 agents: 1001, 1002, 1010" in out


def test_the_key_of_numbers_in_redis_is_the_configured_one_or_made_from_a_secret_that_redis_has_not(write: Write) -> None:
    def key(redis: str, *more: tuple[str, str]) -> bytes:
        settings = redis_settings(
            right(write(("skills: [", f"redis: {{url: 'redis://127.0.0.1:6379/0'{redis}}}\nskills: ["), *more))
        )
        assert settings is not None
        assert "0123" not in repr(settings)
        return settings.number_key

    assert key(", number_key: 0123456789abcdef") == b"0123456789abcdef"
    assert len(key("")) == 32
    assert key("") != key("", ("secret: s}", "secret: other}"))
    with pytest.raises(ConfigFaults, match="number_key: is too short: at least 16 characters"):
        key(", number_key: short")


@pytest.mark.parametrize("token", ["", "token: ''", 'token: "${CALLBRIDGE_TOKEN:-}"'])
def test_check_warns_of_an_interface_without_a_token(write: Write, capsys: pytest.CaptureFixture[str], token: str) -> None:
    """Everybody on the machine may listen to calls then; a start alone does not complain."""
    path = write(("skills: [", f"http: {{{token}}}\nskills: ["))
    loaded = right(path)
    assert (loaded.http.token, loaded.warnings) == (None, ())
    assert check(path, {}) == 0
    warning = capsys.readouterr().err
    assert warning.startswith("warning: cb.yaml: http.token: is missing: everybody who can log in on this machine is an admin")
    assert check(path, {}, strict=True) == 2
    with pytest.raises(ConfigFaults, match="can be reached from other machines, but there is neither a token nor a user"):
        load(write(("skills: [", f"http: {{{', '.join(['host: 0.0.0.0', token]).rstrip(', ')}}}\nskills: [")), {})


@pytest.mark.parametrize("http", ["token: 0123456789abcdef", "tokens: [{name: wall, role: viewer, token: 0123456789abcdef}]"])
def test_with_any_token_check_warns_of_nothing(write: Write, http: str) -> None:
    assert check(write(("skills: [", f"http: {{{http}}}\nskills: [")), {}, strict=True) == 0


def test_check_prints_every_fault_and_says_2(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(write(("support: 4", "support: 9"), ("PJSIP/1002", "x")), {}) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "2 faults: the configuration cannot be used"


_names = st.sampled_from(
    [*Settings.model_fields, "support", "steps", "skills", "then", "queue", "tiers", "for", "include", "<<", "a/b"]
)
_words = st.sampled_from(["${A}", "$${", "support >= 3", "5s", "PJSIP/1", "gold", "1", "-1", "true", "http://x", "a,b"])
_texts = st.one_of(_words, st.text(max_size=8), st.none().map(lambda _: "~"))
_trees = st.recursive(
    _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names | st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)


def _yaml(tree: object) -> str:
    """Flow style, scalars unquoted: sometimes YAML, sometimes nonsense."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {_yaml(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_yaml, tree)) + "]"
    return str(tree)


def _never_surprises(path: pathlib.Path) -> None:
    try:
        load(path, {"A": "x"})
    except ConfigFaults as wrong:
        assert wrong.faults
        assert all(str(fault).isprintable() or "\n" in str(fault) for fault in wrong.faults)
        str(wrong).encode()


_ANY = settings(max_examples=examples(250, fast=15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_ANY
@given(tree=st.dictionaries(_names, _trees, max_size=6))
def test_whatever_the_structure_only_faults_are_raised(tmp_path: pathlib.Path, tree: dict[str, object]) -> None:
    path = tmp_path / "any.yaml"
    path.write_text("\n".join(f"{key}: {_yaml(value)}" for key, value in tree.items()), encoding="utf-8", errors="replace")
    _never_surprises(path)


@_ANY
@given(data=st.data())
def test_whatever_replaces_a_part_only_faults_are_raised(tmp_path: pathlib.Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RIGHT)))
    end = data.draw(st.integers(start, min(len(RIGHT), start + 30)))
    path = tmp_path / "any.yaml"
    path.write_text(RIGHT[:start] + _yaml(data.draw(_trees)) + RIGHT[end:], encoding="utf-8", errors="replace")
    _never_surprises(path)


@settings(_ANY, max_examples=examples(100))
@given(raw=st.binary(max_size=200))
def test_whatever_the_bytes_only_faults_are_raised(tmp_path: pathlib.Path, raw: bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(raw)
    _never_surprises(path)


def test_a_device_is_not_read() -> None:
    assert told(pathlib.Path(os.devnull)) == ["/dev/null: is not a regular file"]


def test_tokens_may_be_files_and_open_the_door_to_the_world(write: Write) -> None:
    pathlib.Path("anna").write_text("s3cret-of-sixteen\n", encoding="utf-8")
    tokens = '[{name: anna, role: agent, agent: "0101", token_file: anna}, {name: wall, role: viewer, token: 0123456789abcdef}]'
    http = right(write(("skills: [", f"http: {{host: 0.0.0.0, tokens: {tokens}}}\nskills: ["))).http
    assert [(one.name, one.role, one.agent, one.token.get_secret_value()) for one in http.tokens] == [
        ("anna", "agent", "0101", "s3cret-of-sixteen"),
        ("wall", "viewer", None, "0123456789abcdef"),
    ]


def test_a_token_that_can_be_guessed_is_refused_where_others_can_try(write: Write) -> None:
    assert told(write(("skills: [", "http: {host: 0.0.0.0, token: short}\nskills: ["))) == [
        "cb.yaml:5: http.token: is too easy to guess: use at least 16 characters when other machines can reach the address"
    ]
    right(write(("skills: [", "http: {token: short}\nskills: [")))


def test_every_secret_of_every_section_may_be_in_a_file() -> None:
    """Wherever a model has a secret, its ``_file`` is read; else ``anchor_files`` has forgotten it."""
    places = [(section, *rest) for section in Settings.model_fields for rest in secrets_below((section,))]
    assert {section for section, *_ in places} >= {"pbx", "http", "webhooks", "mail", "database", "history", "agents", "lookups"}
    for section, *rest in places:
        value: Any = {f"{rest[-1]}_file": "there-is-none"}
        for part in reversed(rest[:-1]):
            value = [value] if isinstance(part, int) else {part: value}
        document = Document(root="cb.yaml", values={str(section): value})
        anchor_files(document)
        assert [fault.problem for fault in document.faults] == ["cannot read 'there-is-none': no such file or directory"], rest


def secrets_below(at: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    """The ways from ``at`` to each secret, through lists and mappings."""
    kind = plain(kind_of(at))
    if kind is SecretStr:
        return [()]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        keys: list[str | int] = [info.alias or name for name, info in kind.model_fields.items()]
    elif get_origin(kind) in (tuple, dict):
        keys = ["some"] if get_origin(kind) is dict else [0]
    else:
        return []
    return [(key, *rest) for key in keys for rest in secrets_below((*at, key))]


def test_a_webhook_is_read_with_its_secret_from_a_file(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    pathlib.Path("crm.secret").write_text("0123456789abcdef\n")
    hook = "webhooks: [{name: crm, url: 'https://crm.example/in/', secret_file: crm.secret, events: [offer], link: 'https://x/?n={number}'}]"
    path = write(("skills: [", f"{hook}\nskills: ["))
    (loaded,) = right(path).webhooks
    assert (loaded.url, loaded.events, loaded.unmasked) == ("https://crm.example/in/", ("offer",), False)
    assert loaded.secret.get_secret_value() == "0123456789abcdef"
    assert check(path, {}) == 0
    told = capsys.readouterr()
    assert "webhook   crm: offer to crm.example, numbers masked" in told.out
    assert "webhooks[0].link: the number in it will be masked (hint: set unmasked: true to send them in full)" in told.err
    assert "0123456789abcdef" not in told.out + told.err


def test_a_webhook_over_plain_http_to_somewhere_else_is_a_doubt(write: Write) -> None:
    addresses = {"a": "http://127.0.0.1:9/", "b": "http://crm.example/"}
    hooks = ", ".join(f"{{name: {name}, url: '{url}', secret: 0123456789abcdef}}" for name, url in addresses.items())
    path = write(("skills: [", f"webhooks: [{hooks}]\nskills: ["))
    assert [str(warning) for warning in right(path).warnings] == [
        "cb.yaml:5: webhooks[1].url: does not use https: anyone on the network path can read who is calling"
    ]


def test_names_before_are_in_the_plan(write: Write) -> None:
    queue = ("  general:\n", "  general:\n    renamed_from: all\n")
    entry = ("help: {queue: support}", "help: {queue: support, renamed_from: desk}")
    plan = right(write(queue, entry)).plan()
    assert plan.renamed_queues() == {"all": "general"}
    assert (plan.entry_named("desk"), plan.destination_of("desk")) == ("help", ToQueue("support"))
    assert (plan.entry_named("nowhere"), plan.destination_of("nowhere")) == ("nowhere", None)


@pytest.mark.parametrize(("strict", "code"), [(False, 0), (True, 2)])
def test_strict_makes_a_warning_count(write: Write, strict: bool, code: int) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert check(write(("8088/ari", "8088"), TOKEN), {}, out, err, strict=strict) == code
    assert err.getvalue().startswith("warning: cb.yaml:3: pbx[0].ari.url: ")
    assert check(write(TOKEN), {}, out, err, strict=True) == 0


TIER_FILE = ("skills: [", "region: GB\ntiers: {csv: tiers.csv}\nskills: [")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("number,tier\nxx,gold\nyy,silver\n", "has no usable row: 2 left out, the first in line 2: not a phone number"),
        ("number,tier\n020 7946 0001,platinum\n", "has no usable row: 1 left out, the first in line 2: unknown tier 'platinum'"),
        ("number,tier\n", "has no usable row: expected number,tier in each line"),
        ("", "is empty"),
    ],
)
def test_a_file_of_tiers_without_a_usable_row_is_a_fault(write: Write, text: str, said: str) -> None:
    path = write(TIER_FILE)
    (path.parent / "tiers.csv").write_text(text)
    out, err = io.StringIO(), io.StringIO()
    assert check(path, {}, out, err) == 2
    assert err.getvalue().splitlines() == [f"cb.yaml: tiers.csv: tiers.csv {said}", "1 fault: the configuration cannot be used"]
    assert not out.getvalue()


def test_rows_that_a_file_of_tiers_leaves_out_are_warnings(write: Write) -> None:
    path = write(TIER_FILE, TOKEN)
    (path.parent / "tiers.csv").write_text("020 7946 0001,gold\n+442079460001,silver\n020 7946 0002,gold\n")
    for strict, code in ((False, 0), (True, 2)):
        out, err = io.StringIO(), io.StringIO()
        assert check(path, {}, out, err, strict=strict) == code
        assert err.getvalue().splitlines() == [
            "warning: tiers.csv: 1 row left out, 2 used",
            "warning: tiers.csv: line 2: the number has the tier 'gold' in an earlier row, which is used",
        ]
        assert "          2 numbers in tiers.csv" in out.getvalue().splitlines()
