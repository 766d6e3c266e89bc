"""Feature codes: who is let in, who is not, and what is said, at every stage of a dialogue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callbridge.core.model.agent import Device
from callbridge.core.model.events import (
    AgentRequest,
    DeviceChanged,
    DigitPressed,
    EntityFaulted,
    FeatureDialled,
    LegAnswered,
    LegLeft,
    LegProbed,
    LegReplaced,
    PhoneInspected,
    PlanChanged,
    PlaybackEnded,
    SeenLeg,
    Why,
)
from callbridge.core.model.facts import AgentAlerted, DifferenceFound, RequestRefused
from callbridge.core.model.feature_call import FEATURE_CALL_TRANSITIONS, FeatureCallMove, FeatureCallStage, after
from callbridge.core.model.ids import LegId, leg_id
from callbridge.core.model.illegal_move import IllegalMove
from callbridge.core.model.orders import Answer, HangUp, InspectPhone, Play, Ring, StopPlaying, Subscribe
from callbridge.core.model.plan import AgentPlan, ConnectMode, Prompts, Reason
from callbridge.core.model.world import World
from callbridge.core.requests import pin_guards
from callbridge.core.requests.feature_codes import FIRST_DIGIT, MAX_CALL, MAX_PROMPT, NEXT_DIGIT
from callbridge.core.requests.pin_guards import LOCKED
from tests.core.story import PBX, Story, agent, plan, queue

PIN, WRONG = "4711", "0000"
SAYS = Prompts()


def desk(*agents: AgentPlan) -> Story:
    the_plan = plan([queue("support", wrap_up=15.0, wrap_up_most=60.0)], list(agents))
    reasons = {"lunch": Reason("lunch", 2700.0, "1"), "training": Reason("training", None, "2"), "rona": Reason("rona")}
    return Story(replace(the_plan, reasons=reasons, trunks=frozenset({"PJSIP/trunk"})))


def with_pin(
    name: str = "1001", pin: str = PIN, connect: ConnectMode = ConnectMode.RING, *, login: bool = False, language: str = ""
) -> AgentPlan:
    return replace(agent(name, connect=connect, login=login), pin=pin, language=language)


class Call:
    """One feature call of a story."""

    def __init__(self, story: Story, feature: str = "login", argument: str = "", phone: str = "PJSIP/1001", n: int = 1) -> None:
        self.story = story
        self.phone = phone
        self.leg = leg_id(PBX, f"f{n}")
        self.dial(feature, argument)

    def dial(self, feature: str, argument: str) -> None:
        name = f"{self.phone}-0000002a"
        event = FeatureDialled(at=self.story.now, leg=self.leg, feature=feature, argument=argument, channel_name=name)
        self.story.happens(event)

    def press(self, keys: str) -> None:
        for key in keys:
            self.story.happens(DigitPressed(at=self.story.now, leg=self.leg, digit=key))

    def said(self) -> str:
        """What the last event made us say."""
        return self.story.only(Play).media

    def heard(self, *, failed: bool = False) -> None:
        """What is being said is over."""
        talk = self.story.world.dialogues[self.leg]
        self.story.happens(PlaybackEnded(at=self.story.now, leg=self.leg, playback=talk.playback, failed=failed))

    def over(self) -> None:
        """What was said is heard, we hang up, and the leg is gone."""
        self.heard()
        assert self.story.hung_up() == {self.leg}
        self.story.gone(self.leg)

    @property
    def stage(self) -> FeatureCallStage:
        return self.story.world.dialogues[self.leg].stage


def log_in(story: Story, who: str = "1001", pin: str = PIN) -> None:
    call = Call(story, phone=f"PJSIP/{who}", n=99)
    call.press(f"{pin}#")
    call.over()
    assert story.state(who) == "ready"


# -- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", FeatureCallStage)
@pytest.mark.parametrize("turn", FeatureCallMove)
def test_a_dialogue_moves_by_its_table_and_not_otherwise(stage: FeatureCallStage, turn: FeatureCallMove) -> None:
    allowed = FEATURE_CALL_TRANSITIONS[stage].get(turn)
    try:
        moved: FeatureCallStage | None = after(stage, turn)
    except IllegalMove:
        moved = None
    assert moved is allowed


# -- log-in -----------------------------------------------------------------------------------------------------------


def test_a_feature_call_is_watched_answered_and_spoken_to() -> None:
    story = desk(with_pin())
    call = Call(story)
    assert [type(order) for order in story.orders] == [Subscribe, InspectPhone, Answer, Play]
    assert call.said() == SAYS.pin


def test_the_right_pin_at_the_own_phone_logs_in_and_says_so() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.heard()
    call.press(f"{PIN}#")
    assert call.said() == SAYS.logged_in
    call.over()
    assert story.state("1001") == "ready"
    story.caller()
    assert story.rung() == ["1001"]


def test_without_a_number_at_a_phone_of_nobody_the_number_is_asked_for() -> None:
    story = desk(with_pin())
    call = Call(story, phone="PJSIP/desk")
    assert call.said() == SAYS.agent
    call.press("1001#")
    assert call.said() == SAYS.pin
    call.press(f"{PIN}#")
    call.over()
    assert story.world.agents["1001"].phone == "PJSIP/desk"


@pytest.mark.parametrize("argument", ["1001", ""])
def test_no_pin_is_asked_for_at_a_phone_that_is_neither_an_agents_nor_allowed(argument: str) -> None:
    """A trunk that ``trunks`` does not list could try PINs, and log an agent in whose calls it then got."""
    story = desk(with_pin())
    story.world.plan = replace(story.world.plan, phones=replace(story.world.plan.phones, allowed=("PJSIP/desk",)))
    call = Call(story, argument=argument, phone="PJSIP/carrier")
    assert call.said() == SAYS.refused
    why = "it is not an agent's phone, and phones.allowed in the configuration does not list it"
    refusal = f"PJSIP/carrier may not be used: {why}"
    assert (story.fact(RequestRefused).agent, story.fact(RequestRefused).reason) == (argument, refusal)
    call.press(f"{PIN}#")
    call.over()
    assert story.world.agents["1001"].phone == "PJSIP/1001"
    Call(story, argument="1001", phone="PJSIP/desk", n=2).press(f"{PIN}#")
    assert story.world.agents["1001"].phone == "PJSIP/desk"


def test_the_number_behind_the_code_leads_straight_to_the_pin() -> None:
    story = desk(with_pin())
    call = Call(story, argument="1001", phone="SIP/desk")
    assert call.said() == SAYS.pin


def test_the_same_agent_elsewhere_moves() -> None:
    story = desk(with_pin())
    log_in(story)
    call = Call(story, argument="1001", phone="PJSIP/desk", n=2)
    call.press(f"{PIN}#")
    call.over()
    story.caller()
    assert story.ring().phone == "PJSIP/desk"


def test_an_agent_without_a_pin_logs_in_at_the_own_phone_at_once() -> None:
    story = desk(with_pin(pin=""))
    call = Call(story)
    assert call.said() == SAYS.logged_in
    assert call.stage is FeatureCallStage.SAYING


@pytest.mark.parametrize("typed", ["#", "0#", f"{PIN}#"])
def test_an_agent_without_a_pin_gets_in_nowhere_else(typed: str) -> None:
    story = desk(with_pin(pin=""))
    call = Call(story, argument="1001", phone="PJSIP/desk")
    assert call.said() == SAYS.pin
    call.press(typed)
    assert call.said() == SAYS.wrong_login
    assert story.state("1001") == "logged_out"


def test_an_agent_whom_nobody_knows_is_asked_for_a_pin_like_any_other() -> None:
    story = desk(with_pin())
    call = Call(story, argument="9999", phone="PJSIP/desk")
    assert call.said() == SAYS.pin
    call.press("1#")
    assert call.said() == SAYS.wrong_login


def test_a_phone_where_somebody_is_logged_in_is_refused() -> None:
    story = desk(with_pin(), with_pin("1002", "2580"))
    log_in(story)
    call = Call(story, argument="1002")
    call.press("2580#")
    assert call.said() == SAYS.in_use
    assert story.all_told(RequestRefused)[-1].reason == "phone PJSIP/1001 is in use by agent 1001"
    assert (story.state("1001"), story.state("1002")) == ("busy_elsewhere", "logged_out")


def test_after_a_hot_desker_left_the_phone_is_its_owner_s_again() -> None:
    story = desk(with_pin(), with_pin("1002", "2580"))
    guest = Call(story, argument="1002")
    guest.press("2580#")
    guest.over()
    assert story.world.agents["1002"].phone == "PJSIP/1001"
    Call(story, "logout", n=2).over()
    log_in(story)
    assert story.world.agents["1001"].phone == "PJSIP/1001"


@pytest.mark.parametrize("name", ["Local/1001@phones", "DAHDI/1001", "PJSIP/trunk"])
def test_what_is_no_phone_is_hung_up_unheard(name: str) -> None:
    story = desk(with_pin())
    call = Call(story, phone=name)
    assert [type(order) for order in story.orders] == [Subscribe, HangUp]
    story.gone(call.leg)
    assert not len(story.world.legs)


def test_the_language_is_the_agent_s() -> None:
    story = desk(with_pin(language="de"))
    Call(story)
    assert story.only(Play).language == "de"


# -- wrong PINs -------------------------------------------------------------------------------------------------------


def test_a_wrong_pin_is_asked_for_again_and_three_end_the_call() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press(f"{WRONG}#")
    assert call.said() == SAYS.wrong_pin
    call.press(f"{WRONG}#")
    assert call.said() == SAYS.wrong_pin
    call.press(f"{WRONG}#")
    assert call.said() == SAYS.goodbye
    call.over()
    assert story.state("1001") == "logged_out"


def test_after_a_wrong_pin_the_right_one_is_right() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press(f"{WRONG}#{PIN}#")
    assert call.said() == SAYS.logged_in
    assert story.world.agents["1001"].wrong_pins == 0


def test_a_number_that_was_typed_is_asked_for_again_with_the_pin() -> None:
    story = desk(with_pin())
    call = Call(story, phone="PJSIP/desk")
    call.press(f"1002#{PIN}#")
    assert call.said() == SAYS.wrong_login
    call.press(f"1001#{PIN}#")
    assert call.said() == SAYS.logged_in


def locked_out() -> Story:
    story = desk(with_pin())
    for n, wrong in ((1, 3), (2, 2)):
        call = Call(story, n=n)
        call.press(f"{WRONG}#" * wrong)
        call.over()
    return story


def test_five_wrong_pins_in_a_row_lock_the_log_in_at_phones_and_tell_an_alert() -> None:
    story = locked_out()
    (alert,) = story.all_told(AgentAlerted)
    assert (alert.kind, alert.agent, alert.device, alert.count, alert.limit) == ("pin_locked", "1001", "PJSIP/1001", 5, LOCKED)
    call = Call(story, n=3)
    call.press(f"{PIN}#")
    assert call.said() == SAYS.locked
    assert story.state("1001") == "logged_out"


def test_a_locked_log_in_is_open_again_later_and_by_other_ways_all_the_time() -> None:
    story = locked_out()
    story.ask("1001", AgentRequest.LOGIN)
    assert story.state("1001") == "ready"
    story.ask("1001", AgentRequest.LOGOUT)
    story.wait(LOCKED)
    log_in(story)


def test_a_log_in_between_makes_wrong_pins_forgotten() -> None:
    story = desk(with_pin())
    for n in range(3):
        call = Call(story, n=n)
        call.press(f"{WRONG}#{WRONG}#{PIN}#")
        call.over()
    assert story.all_told(AgentAlerted) == []


def guess(story: Story, number: str, phone: str, n: int, pin: str = WRONG) -> str:
    """Dial *11<number> and one PIN. Returns what is said then."""
    call = Call(story, argument=number, phone=phone, n=n)
    call.press(f"{pin}#")
    said = call.said()
    story.gone(call.leg)
    return said


def test_one_phone_cannot_lock_the_other_agents_out() -> None:
    """Five wrong PINs locked an agent for five minutes, and a phone could try all agents' numbers, one after the other."""
    agents = [with_pin(f"{1001 + n}", pin=f"47{n:02}") for n in range(8)]
    story = desk(*agents)
    n = 0
    for victim in agents[1:]:
        for _ in range(5):
            n += 1
            guess(story, victim.id, "PJSIP/1001", n)
    assert [(alert.kind, alert.device) for alert in story.all_told(AgentAlerted)] == [("pin_locked", "PJSIP/1001")]
    for each in agents[1:]:
        log_in(story, each.id, each.pin)
    assert guess(story, "1001", "PJSIP/lobby", 900, agents[0].pin) == SAYS.logged_in


def test_the_own_right_pin_between_makes_no_guesses_at_others_forgotten() -> None:
    story = desk(with_pin(), with_pin("1002", pin="0815"))
    for n in range(4):
        assert guess(story, "1002", "PJSIP/1001", n) == SAYS.wrong_login
    assert guess(story, "1001", "PJSIP/1001", 10, PIN) == SAYS.logged_in
    assert guess(story, "1002", "PJSIP/1001", 11) == SAYS.locked
    assert guess(story, "1002", "PJSIP/1001", 12, "0815") == SAYS.locked


def test_wrong_pins_at_a_phone_are_forgotten_after_a_while() -> None:
    story = desk(with_pin(), with_pin("1002", pin="0815"))
    for n in range(8):
        assert guess(story, "1002", "PJSIP/1001", n) == SAYS.wrong_login
        if n % 4 == 3:
            story.wait(LOCKED + 1.0)


def test_an_agent_whose_pin_is_guessed_at_several_phones_can_log_in_at_the_own_one_only() -> None:
    story = desk(with_pin())
    for n in range(10):
        guess(story, "1001", f"PJSIP/lobby{n // 4}", n)
    (alert,) = story.all_told(AgentAlerted)
    assert (alert.kind, alert.agent, alert.device, alert.count, alert.limit) == ("pin_locked", "1001", "", 10, LOCKED)
    assert guess(story, "1001", "PJSIP/desk", 20, PIN) == SAYS.locked
    log_in(story)


def what_a_stranger_hears(story: Story, number: str) -> list[tuple[str, str]]:
    """Log-ins with the number at three strange phones: words and language of everything said, up to the locks and beyond."""
    for n in range(15):
        call = Call(story, argument=number, phone=f"PJSIP/lobby{n // 6}", n=n)
        call.press(f"{WRONG}#")
        story.gone(call.leg)
    return [(play.media, play.language) for play in story.all_sent(Play)]


@pytest.mark.parametrize("other", ["1002", "9999"], ids=["an agent without a PIN", "nobody"])
def test_a_stranger_does_not_learn_which_numbers_agents_have(other: str) -> None:
    heard = []
    for number in ("1001", other):
        story = desk(with_pin(language="de"), with_pin("1002", pin="", language="de"))
        heard.append(what_a_stranger_hears(story, number))
        alerts = [(alert.agent, alert.device) for alert in story.all_told(AgentAlerted)]
        guessed = number if number == "1001" else ""
        nobody = [("1001", "")] if guessed else []
        assert alerts == [(guessed, "PJSIP/lobby0"), *nobody, (guessed, "PJSIP/lobby1")]
    assert heard[0] == heard[1]
    assert heard[0].count((SAYS.locked, "")) == 7
    story.wait(LOCKED)
    call = Call(story, argument=other, phone="PJSIP/lobby", n=90)
    call.press(f"{WRONG}#")
    assert call.said() == SAYS.wrong_login


def test_numbers_of_nobody_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pin_guards, "MAX_GUARDED", 50)
    story = desk(with_pin())
    for number in range(70):
        call = Call(story, argument=f"9{number}", phone=f"PJSIP/lobby{number}", n=number)
        call.press(f"{WRONG}#")
        story.gone(call.leg)
    assert len(story.world.pin_guards) == 50
    assert "90" not in story.world.pin_guards
    assert (len(story.world.phone_guards), "PJSIP/lobby0" in story.world.phone_guards) == (50, False)


def test_an_agent_at_a_strange_phone_hears_the_own_language_once_it_is_certain_who_it_is() -> None:
    story = desk(with_pin(language="de"))
    call = Call(story, argument="1001", phone="PJSIP/lobby")
    assert story.only(Play).language == ""
    call.press(f"{PIN}#")
    assert (story.only(Play).media, story.only(Play).language) == (SAYS.logged_in, "de")


def test_an_empty_pin_is_none_and_counts_for_no_lock() -> None:
    story = desk(with_pin())
    for n in range(3):
        call = Call(story, n=n)
        call.press("###")
        assert call.said() == SAYS.goodbye
        call.over()
    assert story.all_told(AgentAlerted) == []


def test_pins_are_in_no_repr_and_in_no_row_that_is_saved() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press(PIN)
    world = story.world
    assert PIN not in repr(world.plan) + repr(world.dialogues.values()) + repr(story.told) + repr(story.sent)
    assert PIN not in repr([table.rows() for table in world.saved_tables().values()])


# -- time and keys ----------------------------------------------------------------------------------------------------


def test_the_first_key_cuts_the_prompt_short_and_the_next_ones_have_nothing_to_cut() -> None:
    story = desk(with_pin())
    call = Call(story)
    prompt = story.only(Play).playback
    call.press("4")
    assert story.orders == [StopPlaying(leg=call.leg, playback=prompt)]
    call.press("7")
    assert story.orders == []


def test_the_end_of_a_prompt_that_was_cut_short_means_nothing() -> None:
    story = desk(with_pin())
    call = Call(story)
    prompt = story.only(Play).playback
    call.press(f"{PIN}#")
    story.happens(PlaybackEnded(at=story.now, leg=call.leg, playback=prompt, failed=False))
    assert story.orders == []


def test_what_is_typed_ends_by_itself() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press(PIN)
    story.wait(NEXT_DIGIT - 0.1)
    assert story.orders == []
    story.wait(0.2)
    assert call.said() == SAYS.logged_in


def test_a_star_begins_again_and_letters_are_no_keys() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press("99*47A11#")
    assert call.said() == SAYS.logged_in


def test_who_types_nothing_is_sent_away() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.heard()
    story.wait(FIRST_DIGIT - 0.1)
    assert story.orders == []
    story.wait(0.2)
    assert call.said() == SAYS.goodbye
    call.over()


def test_a_prompt_whose_end_is_not_heard_counts_as_over() -> None:
    story = desk(with_pin())
    call = Call(story)
    story.wait(MAX_PROMPT + 0.1)
    assert story.only(StopPlaying).leg == call.leg
    story.wait(FIRST_DIGIT)
    assert call.said() == SAYS.goodbye
    story.wait(MAX_PROMPT)
    assert call.leg in story.hung_up()


def test_a_prompt_that_cannot_be_played_counts_as_over() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.heard(failed=True)
    call.press(f"{PIN}#")
    story.fails(story.only(Play))
    assert story.hung_up() == {call.leg}
    assert story.state("1001") == "busy_elsewhere"


def test_the_whole_call_has_an_end_whatever_is_typed() -> None:
    story = desk(with_pin())
    call = Call(story)
    for _ in range(int(MAX_CALL / 3) - 1):
        story.wait(3.0)
        call.press("*")
    story.wait(3.1)
    assert call.leg in story.hung_up()


def test_typing_without_end_is_cut_off() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press("1" * 500)
    assert len(story.world.dialogues[call.leg].digits) <= 20


@pytest.mark.parametrize("typed", ["", "1", "1001#", "1001#4", "1001#4#", f"1001#{PIN}#"])
def test_hanging_up_at_any_stage_leaves_nothing_behind(typed: str) -> None:
    story = desk(with_pin())
    call = Call(story, phone="PJSIP/desk")
    call.press(typed)
    story.gone(call.leg)
    story.wait(200.0)
    assert not len(story.world.dialogues)
    assert not len(story.world.legs)
    assert story.state("1001") == ("ready" if PIN in typed else "logged_out")


def test_keys_after_the_hang_up_mean_nothing() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.press(f"{PIN}#")
    call.heard()
    call.press("1#")
    assert story.orders == []


def test_an_answer_that_is_refused_ends_the_call() -> None:
    story = desk(with_pin())
    call = Call(story)
    story.fails(story.only(Answer))
    assert call.leg in story.hung_up()


# -- the other codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "argument", "says", "state"),
    [
        ("ready", "", SAYS.ready, "ready"),
        ("not_ready", "", SAYS.not_ready, "not_ready"),
        ("not_ready", "1", f"{SAYS.not_ready},digits:1", "not_ready lunch"),
        ("not_ready", "9", SAYS.unknown, "ready"),
        ("logout", "", SAYS.logged_out, "logged_out"),
        ("end_wrap_up", "", SAYS.refused, "ready"),
        ("extend_wrap_up", "", SAYS.refused, "ready"),
        ("state", "", SAYS.ready, "ready"),
        ("fly", "", SAYS.unknown, "ready"),
    ],
)
def test_what_is_asked_by_a_code_is_done_and_confirmed(feature: str, argument: str, says: str, state: str) -> None:
    story = desk(with_pin())
    log_in(story)
    call = Call(story, feature, argument)
    assert call.said() == says
    call.over()
    assert story.state("1001") == state


def test_where_a_reason_is_required_the_code_without_a_digit_is_refused() -> None:
    story = desk(with_pin())
    story.happens(PlanChanged(at=story.now, plan=replace(story.world.plan, reason_required=True)))
    log_in(story)
    call = Call(story, "not_ready", "")
    assert call.said() == SAYS.refused
    call.over()
    assert story.state("1001") == "ready"


@pytest.mark.parametrize("feature", ["ready", "not_ready", "logout", "end_wrap_up", "extend_wrap_up", "state"])
def test_at_a_phone_of_nobody_only_log_in_works(feature: str) -> None:
    story = desk(with_pin())
    call = Call(story, feature, phone="PJSIP/desk")
    assert call.said() == SAYS.refused
    call.over()


@pytest.mark.parametrize("feature", ["ready", "not_ready"])
def test_who_is_not_logged_in_is_refused(feature: str) -> None:
    story = desk(with_pin())
    call = Call(story, feature)
    assert call.said() == SAYS.refused


def test_wrap_up_is_made_longer_once_and_ended() -> None:
    story = desk(with_pin())
    log_in(story)
    for leg in story.talk():
        story.gone(leg)
    for n, (feature, says) in enumerate(
        [
            ("state", SAYS.wrap_up),
            ("extend_wrap_up", SAYS.wrap_up_extended),
            ("extend_wrap_up", SAYS.refused),
            ("end_wrap_up", SAYS.wrap_up_ended),
        ]
    ):
        call = Call(story, feature, n=n)
        assert call.said() == says
        call.over()
    assert story.state("1001") == "ready"


def test_the_state_names_the_reason_by_its_key() -> None:
    story = desk(with_pin())
    log_in(story)
    story.ask("1001", AgentRequest.NOT_READY, "training")
    call = Call(story, "state")
    assert call.said() == f"{SAYS.not_ready},digits:2"


def test_a_code_dialled_while_talking_is_in_force_after_the_talk() -> None:
    story = desk(with_pin())
    log_in(story)
    legs = story.talk()
    call = Call(story, "not_ready", "1")
    assert story.state("1001") == "talking"
    call.over()
    for leg in legs:
        story.gone(leg)
    story.wait(15.0)
    assert story.state("1001") == "not_ready lunch"


# -- the phone --------------------------------------------------------------------------------------------------------


def test_a_phone_that_makes_a_feature_call_gets_no_offer_and_then_one_at_once() -> None:
    story = desk(with_pin())
    log_in(story)
    call = Call(story, "state")
    story.happens(PhoneInspected(at=story.now, phone=call.phone, legs=(call.leg,)))
    story.happens(DeviceChanged(at=story.now, phone=call.phone, state="INUSE"))
    assert story.state("1001") == "busy_elsewhere"
    story.caller()
    assert story.rung() == []
    call.over()
    assert story.rung() == ["1001"]


def test_a_phone_that_has_another_call_besides_stays_busy() -> None:
    story = desk(with_pin())
    log_in(story)
    story.happens(DeviceChanged(at=story.now + 5.0, phone="PJSIP/1001", state="INUSE"))
    story.wait(5.0)
    call = Call(story, "state")
    story.happens(PhoneInspected(at=story.now, phone=call.phone, legs=(call.leg, leg_id(PBX, "private"))))
    call.over()
    assert story.state("1001") == "busy_elsewhere"
    story.wait(1.0)
    assert story.only(InspectPhone).phone == call.phone
    story.happens(PhoneInspected(at=story.now, phone=call.phone, legs=(leg_id(PBX, "private"),)))
    assert story.state("1001") == "busy_elsewhere"


def test_a_nailed_up_agent_s_line_is_opened_when_the_feature_call_is_gone() -> None:
    story = desk(with_pin(connect=ConnectMode.NAILED_UP))
    call = Call(story)
    call.press(f"{PIN}#")
    call.heard()
    assert not [order for order in story.sent if isinstance(order, Ring)]
    story.gone(call.leg)
    assert (story.ring().role, story.ring().phone) == ("session", "PJSIP/1001")


def test_a_nailed_up_agent_on_another_line_gets_no_beep() -> None:
    story = desk(with_pin(connect=ConnectMode.NAILED_UP, login=True))
    session = story.all_sent(Ring)[0].leg
    story.happens(LegAnswered(at=story.now, leg=session))
    call = Call(story, "state")
    story.caller()
    assert not [order for order in story.orders if isinstance(order, Play)]
    call.over()
    assert story.only(Play).leg == session


def test_of_two_feature_calls_the_last_one_frees_the_phone() -> None:
    story = desk(with_pin())
    log_in(story)
    one, two = Call(story, "state"), Call(story, "state", n=2)
    one.over()
    assert story.world.agents["1001"].device is Device.BUSY_ELSEWHERE
    two.over()
    assert story.state("1001") == "ready"


# -- what goes wrong --------------------------------------------------------------------------------------------------


def seen(leg: LegId, *, feature: bool = True) -> SeenLeg:
    return SeenLeg(leg=leg, name="PJSIP/1001-0000002a", up=True, created_at=0.0, feature=feature)


def restarted(story: Story) -> World:
    old = story.world
    world = World(old.plan, "u")
    world.now, world.seq = old.now, old.seq
    world.restore({name: table.values() for name, table in old.saved_tables().items()})
    return world


def test_after_a_restart_a_feature_call_is_hung_up_and_its_phone_is_free_again() -> None:
    story = desk(with_pin())
    log_in(story)
    call = Call(story)
    story.world = restarted(story)
    story.happens(PlanChanged(at=story.now, plan=story.world.plan))
    story.snapshot(seen(call.leg))
    assert story.hung_up() == {call.leg}
    story.caller()
    assert story.rung() == []
    story.gone(call.leg)
    story.wait(1.0)
    assert story.state("1001") == "ringing"


def test_a_feature_call_that_nobody_knows_is_hung_up() -> None:
    story = desk(with_pin())
    leg = leg_id(PBX, "stranger")
    story.snapshot(seen(leg))
    assert (story.hung_up(), story.fact(DifferenceFound).kind) == ({leg}, "feature_leftover")
    story.gone(leg)
    assert not len(story.world.legs)


def test_a_lost_link_ends_the_feature_call() -> None:
    story = desk(with_pin())
    call = Call(story)
    story.snapshot(seen(call.leg))
    assert story.hung_up() == {call.leg}
    call.press(f"{PIN}#")
    assert story.state("1001") == "logged_out"


def test_a_feature_call_that_ended_unheard_is_asked_about_and_closed() -> None:
    story = desk(with_pin())
    call = Call(story)
    story.wait(1.0)
    story.snapshot()
    story.gone(call.leg, estimated=True)
    assert not len(story.world.dialogues)


def test_a_feature_call_that_the_phone_took_elsewhere_is_ours_no_more() -> None:
    story = desk(with_pin())
    call = Call(story)
    story.happens(LegLeft(at=story.now, leg=call.leg))
    story.wait(1.0)
    story.happens(LegProbed(at=story.now, leg=call.leg, in_app=False, up=True))
    assert (len(story.world.legs), len(story.world.dialogues)) == (0, 0)


def test_a_caller_transferred_into_a_feature_call_is_hung_up_with_it() -> None:
    story = desk(with_pin())
    call = Call(story)
    by = leg_id(PBX, "half")
    story.happens(LegReplaced(at=story.now, leg=call.leg, by=by, by_name="Local/x@y-1;2"))
    assert story.hung_up() == {call.leg, by}


def test_a_fault_about_a_feature_call_costs_only_that_call() -> None:
    story = desk(with_pin())
    log_in(story)
    call = Call(story)
    story.happens(EntityFaulted(at=story.now, kind="leg", id=call.leg))
    assert story.hung_up() == {call.leg}
    story.gone(call.leg)
    assert story.state("1001") == "ready"


def test_a_feature_call_heard_twice_is_one() -> None:
    story = desk(with_pin())
    call = Call(story)
    call.dial("login", "")
    assert story.orders == []


def test_orders_that_never_left_leave_a_call_that_ends_by_itself() -> None:
    story = desk(with_pin())
    call = Call(story)
    story.fails(story.only(Play), Why.UNSENT)
    story.wait(MAX_CALL)
    assert call.leg in story.hung_up()


# -- the display ------------------------------------------------------------------------------------------------------


def shown(display: str) -> tuple[str, str]:
    story = Story(replace(plan([queue("support")], [agent("bob")]), display=display))
    story.caller("王 {tier}", tier="diamond")
    return story.ring().number, story.ring().name


def test_the_display_shows_number_tier_queue_and_name_and_reads_nothing_into_names() -> None:
    assert shown("{tier} {queue} {name}") == ("+44", "diamond support 王 {tier}")
    assert shown("{queue}: {number}") == ("+44", "support: +44")
