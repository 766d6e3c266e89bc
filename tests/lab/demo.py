"""``make demo``: a minute of live traffic on a real Asterisk 22, watched, and added up call by call.

Rule of this file: nothing is pretended. Callers and phones are SIPp processes, callbridge is the real command with
the example configuration in config/, and the sum at the end joins what each caller and phone saw with its books.
"""

import asyncio
import os
import random
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from callbridge.cli.board import frame
from callbridge.cli.client import Client
from callbridge.cli.top import Watch
from tests.lab.audio import Softphone
from tests.lab.books import Joined, join
from tests.lab.bridge import Callbridge
from tests.lab.config import PHONES_HOST
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import output
from tests.lab.records import CallRecord
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, CallerScript, Phone, PhoneScript, Press, Talk, register

SECONDS = 60
WIDTH = 110
CALLS = 64
ROOT = Path(__file__).resolve().parents[2]
AGENTS = [f"{number}" for number in range(1001, 1013)]
NAILED = ("1011", "1012")
PHONES: dict[str, PhoneScript] = {
    "1003": PhoneScript.answers(ring=1.5, talk=(3.0, 6.0)),
    "1005": PhoneScript.rejects(486, ring=0.8),
    "1006": PhoneScript.rings_out(),
    "1008": PhoneScript.answers(ring=0.3, talk=(3.0, 6.0)),
    "1009": PhoneScript.answers(ring=0.0, talk=(3.0, 7.0)),
    "1010": PhoneScript.answers(ring=0.0, talk=(2.0, 5.0)),
    "1011": PhoneScript.answers(ring=0.2),
    "1012": PhoneScript.answers(ring=0.2),
}
"""The others answer after half a second, and hang up after a talk of 2 to 8 s."""
DIALLED = {"1001": "4711#", "1002": "0815#", "1003": "2580#"}
"""Who logs in at the phone, by the code *11, and what they press when asked for the PIN. The others use the command."""
LUNCHES, MOVES = "1002", "1004"
"""Who goes to lunch by the code *141 and comes back by *13; whose phone is unplugged for a while."""
DAY = {"lunch": 18.0, "unplug": 24.0, "plug in": 40.0, "back": 44.0}
"""Seconds after the first caller."""
GUESTS = {"callback": ("+442079460119", 6.0), "survey": ("+442079460118", 30.0)}
"""Two callers with ears and fingers, both of tier diamond: what they do, their number, and when they call."""
HOME = "1013"
"""Where the first of them is called back."""
TIERS = {"diamond": (100, 8), "gold": (200, 12), "silver": (300, 20)}
"""Tier -> first number of its block in config/tiers.csv, and how many of them call."""
CEL = {
    "modules.conf": "load=res_cdrel_custom.so\nload=cel_custom.so\n",
    "cel.conf": "[general](+)\nenable=yes\nevents=BRIDGE_ENTER\n",
    "cel_custom.conf": "[mappings]\nMaster.csv => ${eventtype},${eventtime},${CHANNEL(uniqueid)}\n",
}
"""Asterisk's own event log: the witness for agents whose nailed-up phone gets no INVITE for a call."""


OUTSIDE = f"""
[callbridge-outside](+)
exten => _+44X.,1,Dial(PJSIP/{HOME},60)
"""
"""This PBX lets callbacks out: to a phone of the lab."""


def callers(seed: int) -> list[Call]:
    """Who calls: all tiers, different wishes, different patience; some leave while they wait or at once."""
    rng = random.Random(seed)
    numbers = [f"+442079460{first + n}" for first, count in TIERS.values() for n in range(count)]
    numbers += [f"+4930555{n:04}" for n in range(CALLS - len(numbers))]
    rng.shuffle(numbers)
    made = []
    for index, number in enumerate(numbers):
        patience = rng.choice((0.4, 2.0, 5.0)) if rng.random() < 0.15 else rng.uniform(12.0, 25.0)
        entry = rng.choices(("support", "sales", "general"), (60, 30, 10))[0]
        made.append(Call(dialled=entry, number=number, name=f"demo-{index}", hang_up_after=patience))
    return made


async def speak(pbx: Pbx) -> str:
    """The prompts of config/speech.yaml, as an operator makes them. Returns what the command says."""
    os.environ["CALLBRIDGE_SOUNDS"] = str(pbx.folder / "prompts")
    command = (sys.executable, "-m", "callbridge", "prompts", "-c", str(ROOT / "config" / "callbridge.yaml"))
    made = await output(*command, limit=120.0)  # alone it takes three seconds
    return made.strip().splitlines()[-1]


class Demo:
    """One run of the demo."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.phones: dict[str, Phone] = {}
        self.callback = self.survey = ""

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False)

    async def run(self) -> int:
        seed = int(os.environ.get("CALLBRIDGE_DEMO_SEED", "1"))
        async with AsyncExitStack() as stack:
            self.say("starting Asterisk 22, Redis and callbridge with config/callbridge.yaml")
            specs = [PhoneSpec(name=name, contact="register" if name == MOVES else "static") for name in (*AGENTS, HOME)]
            pbx = Pbx(22, phones=specs, extra=CEL | {"extensions.conf": OUTSIDE})
            (pbx.folder / "log" / "cel-custom").mkdir()
            self.pbx = await stack.enter_async_context(pbx)
            redis = await stack.enter_async_context(RedisServer())
            self.say(f"prompts in English and Mandarin: {await speak(self.pbx)}")
            self.bridge = await stack.enter_async_context(ExampleFloor(self.pbx, redis))
            await self._phones(stack)
            await self._log_in()
            crowd = callers(seed)
            rate = CALLS / SECONDS
            self.say(f"{CALLS} callers of all tiers within {SECONDS} s; seed {seed}\n")
            began = time.monotonic()
            traffic = await stack.enter_async_context(Callers(self.pbx, crowd, rate=rate))
            async with asyncio.TaskGroup() as floor:
                floor.create_task(self._floor(began))
                floor.create_task(self._watch(traffic, began))
                floor.create_task(self._called_back(began))
                floor.create_task(self._answers_survey(began))
            records = await traffic.wait(30.0)
            await self._until_quiet()
            await asyncio.sleep(0.5)  # the last facts reach the log
            return self._sum_up(records)

    async def _phones(self, stack: AsyncExitStack) -> None:
        for name in AGENTS:
            self.phones[name] = Phone(self.pbx, name, PHONES.get(name, PhoneScript.answers(ring=0.5, talk=(2.0, 8.0))))
            await stack.enter_async_context(self.phones[name])
        await register(self.pbx, MOVES)

    async def _log_in(self) -> None:
        """Some at their phones, the others with the command that supervisors use."""
        self.say(f"{len(DIALLED)} agents log in at their phones: *11 and the PIN")
        await asyncio.gather(*(self._dial(name, "*11", pin) for name, pin in DIALLED.items()))
        others = [name for name in AGENTS if name not in DIALLED]
        self.say(f"{len(others)} more by command: callbridge agents login {others[0]} ... {others[-1]}")
        command = (sys.executable, "-m", "callbridge", "agents", "login")
        for start in range(0, len(others), 4):
            names = others[start : start + 4]
            await asyncio.gather(*(output(*command, name, "--url", self.bridge.url) for name in names))
        for name in DIALLED:
            await self.bridge.until_state(name, "ready")
        for name in NAILED:
            await self.bridge.until_state(name, "ready")

    async def _dial(self, phone: str, code: str, keys: str = "") -> None:
        """Dial a feature code at an agent's phone."""
        script = CallerScript(steps=[Talk(1.0), Press(keys, gap=0.25)] if keys else [])
        async with Callers(self.pbx, [Call(dialled=code, number=phone)], script=script, host=PHONES_HOST) as made:
            await made.wait(30.0)

    async def _floor(self, began: float) -> None:
        """What happens on a floor besides calls."""
        for what, at in DAY.items():
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            match what:
                case "lunch":
                    self.say(f"{LUNCHES} goes to lunch: *141 at the phone")
                    await self._dial(LUNCHES, "*141")
                case "unplug":
                    self.say(f"the phone of {MOVES} is unplugged")
                    await register(self.pbx, MOVES, expires=0)
                case "plug in":
                    self.say(f"the phone of {MOVES} is back")
                    await register(self.pbx, MOVES)
                case _:
                    self.say(f"{LUNCHES} is back: *13")
                    await self._dial(LUNCHES, "*13")

    async def _called_back(self, began: float) -> None:
        """Somebody who does not want to wait presses 1, confirms the number, hangs up and is called back."""
        number, at = GUESTS["callback"]
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        async with Softphone(self.pbx, number, trunk=True) as caller, Softphone(self.pbx, HOME) as home:
            for _ in range(10):  # an agent may be quicker than the finger
                if self.bridge.facts("callback_requested"):
                    break
                call = await caller.call("support")
                await asyncio.sleep(0.5)
                caller.press("1", call)
                with suppress(TimeoutError, AssertionError):
                    await self.bridge.until("flow_began", flow="call-me", limit=2.0)
                    await asyncio.sleep(1.0)
                    caller.press("1", call)
                    await self.bridge.until("callback_requested", limit=4.0)
                    self.say(f"{number} does not wait: 1, 1, and asks to be called back")
                caller.hang_up(call)
                await caller.until_state("DISCONNECTED", call)
            with suppress(TimeoutError, AssertionError):
                ended = await self.bridge.until("callback_ended", limit=60.0)
                await asyncio.sleep(2.0)
                home.hang_up()
                self.callback = f"a callback was requested by {number}: {ended['outcome']} after {ended['waited']:.1f} s"

    async def _answers_survey(self, began: float) -> None:
        with suppress(TimeoutError, AssertionError):  # the sum says that it is missing
            await self._surveyed(began)

    async def _arrived(self, number: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [dict(line) for line in self.bridge.facts("call_arrived") if line["pii.number"] == number]
            return bool(found)

        await self.bridge.eventually(there)
        return found[0]

    async def _surveyed(self, began: float) -> None:
        """Somebody talks, and when the agent has hung up answers what the survey asks."""
        number, at = GUESTS["survey"]
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        async with Softphone(self.pbx, number, trunk=True) as caller:
            await caller.call("support")
            arrived = await self._arrived(number)
            for key in ("5", "1"):
                asked = 1 + len(self.bridge.facts("survey_answered", call=arrived["call"]))
                await self.bridge.until("flow_stepped", count=asked + 1, limit=90.0, call=arrived["call"], flow="survey:service")
                await asyncio.sleep(1.0)
                caller.press(key)
                await self.bridge.until("survey_answered", count=asked, limit=10.0, call=arrived["call"])
            ended = await self.bridge.until("survey_ended", call=arrived["call"])
            told = {line["question"]: line["answer"] for line in self.bridge.facts("survey_answered", call=arrived["call"])}
            self.survey = f"a survey was answered by {number}: {ended['result']}, {told}"
            await caller.until_state("DISCONNECTED")

    async def _watch(self, traffic: Callers, began: float) -> None:
        """Show `callbridge top` until all calls are over: live for people, a frame now and then for logs."""
        live = self.console.is_terminal
        board = Watch(self.bridge.client, every=1.0)
        board.start()
        try:
            await self._show(traffic, began, board, live=live)
        finally:
            board.stop()

    async def _show(self, traffic: Callers, began: float, board: Watch, *, live: bool) -> None:
        with Live(console=self.console, transient=True, auto_refresh=False) if live else _Quiet() as screen:
            shown = 0.0
            while True:
                records = traffic.records()
                over = sum(record.ended_at is not None for record in records)
                passed = time.monotonic() - began
                progress = f"{passed:3.0f} s  {len(records)}/{CALLS} callers, {over} gone"
                if live or passed - shown >= 10.0 or over == CALLS:
                    width, height = (self.console.width, self.console.height - 2) if live else (WIDTH, None)
                    screen.update(
                        Group(Text(progress, style="bold"), frame(board.known, time.time(), width, height)), refresh=True
                    )
                    shown = passed
                if over == CALLS or passed > SECONDS + 60:
                    return
                await asyncio.sleep(0.5)

    async def _until_quiet(self) -> None:
        """Only the nailed-up legs are left; hang up the log-ins so that they end too."""
        for name in NAILED:
            await self.bridge.ask(name, "logout")
        await self.pbx.quiet(10.0)

    # The sum

    def _sum_up(self, records: Sequence[CallRecord]) -> int:
        phones = {name: phone.records() for name, phone in self.phones.items()}
        joined = join(records, phones, self.bridge.lines(), nailed=dict(self._bridged()))
        self.console.print(_by_tier(joined))
        self.console.print(_by_agent(joined))
        gaps = [one.wait_gap for one in joined if one.wait_gap is not None]
        wrong = [one for one in joined if one.differences]
        for one in wrong:
            self.say(f"[red]{one.caller.number} to {one.caller.dialled}: {'; '.join(one.differences)}[/red]")
        # The PBX complains of an announcement whose caller hung up in the middle.
        told = [line for line in self.pbx.problems() if not re.search("Playback failed for (sound|number):", line)]
        troubles = [*self.bridge.trouble(), *told]
        for trouble in troubles[:10]:
            self.say(f"[red]{trouble}[/red]")
        self.say(
            f"{len(joined)} calls on the wire, {sum(one.entry is not None for one in joined)} in callbridge's books, "
            f"{len(wrong)} differences; waits compared for {len(gaps)}, largest gap {max(gaps, default=0.0) * 1000:.0f} ms"
        )
        left = self.bridge.facts("visit_ended", outcome="overflowed")
        overflowed = sum(line["to"].startswith("queue:") for line in left)
        self.say(
            f"{overflowed} callers overflowed to another queue; {self.callback or 'no callback'}; {self.survey or 'no survey'}"
        )
        shown = bool(overflowed and "kept" in self.callback and "complete" in self.survey)
        complete = len(records) == CALLS and bool(gaps) and shown
        self.say("To look at a floor in a browser: make demo-live keeps one running, and prints its address and log-ins.")
        self.say("[green]it adds up[/green]" if complete and not wrong and not troubles else "[red]it does not add up[/red]")
        return 0 if complete and not wrong and not troubles else 1

    def _bridged(self) -> Iterator[tuple[str, float]]:
        """When Asterisk saw each customer enter a bridge first, from its own event log."""
        log = self.pbx.folder / "log" / "cel-custom" / "Master.csv"
        seen: set[str] = set()
        for line in log.read_text().splitlines() if log.exists() else ():
            _, at, unique = line.split(",")
            if unique not in seen:
                seen.add(unique)
                yield unique, float(at)


class ExampleFloor(Callbridge):
    """callbridge with the example configuration, or a copy of it, its links given by the environment."""

    def __init__(
        self, pbx: Pbx, redis: RedisServer, *, config: Path = ROOT / "config" / "callbridge.yaml", token: str = ""
    ) -> None:
        self._path = config
        super().__init__(pbx, {}, redis=redis)
        self.client = Client(self.url, token)
        os.environ.update(
            CALLBRIDGE_ARI_URL=pbx.ari_url,
            CALLBRIDGE_ARI_USER=pbx.ari_user,
            CALLBRIDGE_ARI_PASSWORD=pbx.ari_password,
            CALLBRIDGE_AMI_PORT=str(pbx.ami_port),
            CALLBRIDGE_AMI_USER=pbx.ami_user,
            CALLBRIDGE_AMI_SECRET=pbx.ami_secret,
            CALLBRIDGE_REDIS_URL=redis.url,
            CALLBRIDGE_HTTP_PORT=str(self.port),
            CALLBRIDGE_MASK_NUMBERS="false",
        )

    @property
    def path(self) -> Path:
        return self._path

    def write_config(self, config: Any) -> None:
        """The example stays as it is."""


class _Quiet:
    """Where no terminal is: the same picture, printed now and then."""

    def __enter__(self) -> "_Quiet":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, picture: Group, *, refresh: bool) -> None:
        Console(width=WIDTH).print(picture)


def _by_tier(joined: Sequence[Joined]) -> Table:
    table = Table("tier", "calls", "answered", "abandoned", "overflowed", "mean wait", "longest", title="callers")
    for tier in (*TIERS, "standard"):
        mine = [one.entry for one in joined if one.entry is not None and one.entry.tier == tier]
        waits = [entry.waited for entry in mine if "answered" in entry.outcomes and entry.waited is not None]
        ends = Counter(entry.outcomes[-1] for entry in mine if entry.outcomes)
        table.add_row(
            tier,
            str(len(mine)),
            str(ends["answered"]),
            str(ends["abandoned"] + ends["short_abandoned"]),
            str(sum(entry.overflowed for entry in mine)),
            f"{sum(waits) / len(waits):.1f} s" if waits else "-",
            f"{max(waits):.1f} s" if waits else "-",
        )
    return table


def _by_agent(joined: Sequence[Joined]) -> Table:
    table = Table("agent", "calls answered", "of them diamond", title="agents")
    served = Counter(agent for one in joined if one.entry is not None for agent in one.entry.agents)
    best = Counter(agent for one in joined if one.entry is not None and one.entry.tier == "diamond" for agent in one.entry.agents)
    for agent in AGENTS:
        table.add_row(agent, str(served[agent]), str(best[agent]))
    return table


def main() -> int:
    return asyncio.run(Demo(Console(width=None if sys.stdout.isatty() else WIDTH)).run())


if __name__ == "__main__":
    socket.setdefaulttimeout(10.0)
    sys.exit(main())
