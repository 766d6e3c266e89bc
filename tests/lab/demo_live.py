"""``make demo-live``: a floor that goes on until Ctrl-C, to be looked at in a browser: callers call, and agents answer.

Rule of this file: as in the demo nothing is pretended. It is the example configuration of config/, with the users and walls of
its sample, a database, recordings, and what demo_live.yaml adds.
"""

import asyncio
import csv
import itertools
import os
import random
import secrets
import shutil
import signal
import socket
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from callbridge.cli.client import ApiError
from tests.lab import scratch
from tests.lab.bridge import Callbridge
from tests.lab.demo import AGENTS, DIALLED, MOVES, NAILED, PHONES, ROOT, TIERS, ExampleFloor, speak
from tests.lab.pbx import Pbx, PhoneSpec
from tests.lab.process import output
from tests.lab.redis import RedisServer
from tests.lab.sip import Call, Callers, CallerScript, Phone, PhoneScript, register

CROWD = 20
RATE = 0.4
"""Callers of one crowd, and how many of them call in a second; the next crowd comes when the last of it has called."""
TALK = (12.0, 40.0)
"""Seconds."""
RECORDS = {"manager.conf": "[callbridge](+)\nwrite=reporting,agent,call,system\n"}
"""MixMonitor by AMI needs it."""
PASSWORD = "change me"
"""Of the users in config/users.yaml.sample."""
WALL = "support"
AS_IN_THE_DEMO = ("1005", "1006", *NAILED)
"""Whose phone does what it does in the demo: it rejects, rings out, or stays in the one call of a nailed-up agent."""
ADDED = Path(__file__).with_suffix(".yaml")
CAMPAIGN, CALLERS = "renewals", ("1016", "1017")
"""Of demo_live.yaml, with its agents."""
CALLERS_PIN = "2468"
"""Of the first of them."""
LEADS = 60
PEOPLE = {
    "1013": PhoneScript.answers(ring=3.0, talk=TALK, audio="caller"),
    "1014": PhoneScript.rejects(486, ring=1.0),
    "1015": PhoneScript.rings_out(),
}
"""The phones of the people whom the campaign calls, and what each does. The first is that of most."""
TOWN = """
[callbridge-people]
exten => _+X!,1,Goto(who-${EXTEN:-1},1)
exten => _who-[0-6],1,Dial(PJSIP/1013,40)
 same => n,Hangup(${HANGUPCAUSE})
exten => _who-[78],1,Dial(PJSIP/1014,40)
 same => n,Hangup(${HANGUPCAUSE})
exten => who-9,1,Dial(PJSIP/1015,40)
 same => n,Hangup(${HANGUPCAUSE})
"""
"""The last digit of a number says whose phone it is. (In a pattern the letters n, x and z stand for digits.)"""
CODES = "{solved: {label: Solved at once, digit: 1}, again: {label: Calls again}, complaint: {label: Complaint}}"
"""Dispositions of all queues."""
SAID, OUTCOMES = ("solved", "solved", "again", "complaint"), ("sold", "later", "refused", "refused")
"""What agents say of a queue's call, and of one of the campaign, as often as it is listed."""


def example(folder: Path, pbx: Pbx, key: str) -> Path:
    """A copy of the example configuration, in which people can log in and the history is kept. Returns its main file."""
    copy = folder / "config"
    shutil.copytree(ROOT / "config", copy)
    users = (copy / "users.yaml.sample").read_text(encoding="utf-8")
    users = _replaced(users, "    # key_file: wall.key", f"    key: {key}")
    users = _replaced(
        users, 'queues: [support], agents: ["1001",', f'queues: [support, {CAMPAIGN}], agents: ["{CALLERS[0]}", "1001",'
    )
    (copy / "users.yaml").write_text(users, encoding="utf-8")
    queues = (copy / "queues.yaml").read_text(encoding="utf-8")
    queues = _replaced(queues, "queue_defaults:\n", f"queue_defaults:\n  record: {{share: 1.0}}\n  dispositions: {CODES}\n")
    first = "- {when: {agents: 0, waited: 60s}"
    queues = _replaced(queues, first, "- {when: {closed: hotline}, queue: general, reason: closed}\n      " + first)
    (copy / "queues.yaml").write_text(queues, encoding="utf-8")
    shutil.copy(ADDED, copy / "live.yaml")
    main = (copy / "callbridge.yaml").read_text(encoding="utf-8")
    main = _replaced(main, "speech.yaml]", "speech.yaml, users.yaml, live.yaml]")
    main = _replaced(main, "metrics:\n", f"metrics:\n  recordings: {pbx.folder / 'spool' / 'monitor'}\n")
    main += f'\ndatabase: {{url: "sqlite:///{folder / "history.db"}"}}\n'
    (copy / "callbridge.yaml").write_text(main, encoding="utf-8")
    return copy / "callbridge.yaml"


def _replaced(text: str, part: str, by: str) -> str:
    if text.count(part) != 1:
        raise RuntimeError(f"config/ has changed: {part.strip()!r} is there {text.count(part)} times")
    return text.replace(part, by)


def leads(folder: Path) -> Path:
    """The people of the campaign."""
    file = folder / "leads.csv"
    names = ("Olivia Brown", "Liam Walsh", "王芳", "Amelia Khan", "Noah Evans", "陈杰", "Isla Murphy", "George Patel")
    with file.open("w", encoding="utf-8", newline="") as rows:
        sheet = csv.writer(rows)
        sheet.writerow(("number", "name", "contract"))
        sheet.writerows((f"+4420794608{n:02}", names[n % len(names)], f"C-{4100 + n}") for n in range(LEADS))
    return file


def crowd(rng: random.Random, number: int) -> list[Call]:
    """People of all tiers, most of them patient."""
    calls = []
    for index in range(CROWD):
        first, count = rng.choice([*TIERS.values(), (400, 99)])
        caller = f"+442079460{first + rng.randrange(count)}"
        patience = rng.uniform(4.0, 15.0) if rng.random() < 0.2 else rng.uniform(40.0, 90.0)
        entry = rng.choices(("support", "sales", "general"), (60, 30, 10))[0]
        calls.append(Call(dialled=entry, number=caller, name=f"live-{number}-{index}", hang_up_after=patience))
    return calls


class LiveFloor:
    """One run, which ends when it is cancelled."""

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            folder = scratch.folder("cb-live-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            print("starting Asterisk 22, Redis and callbridge with the example configuration", flush=True)
            specs = [
                PhoneSpec(name=name, contact="register" if name == MOVES else "static") for name in (*AGENTS, *CALLERS, *PEOPLE)
            ]
            pbx = await stack.enter_async_context(Pbx(22, phones=specs, extra=RECORDS | {"extensions.conf": TOWN}))
            redis = await stack.enter_async_context(RedisServer())
            key, os.environ["CALLBRIDGE_TOKEN"] = secrets.token_hex(12), secrets.token_hex(16)
            await speak(pbx)
            config = example(folder, pbx, key)
            bridge = ExampleFloor(pbx, redis, config=config, token=os.environ["CALLBRIDGE_TOKEN"])
            await stack.enter_async_context(bridge)
            for name in (*AGENTS, *CALLERS):
                talks = PhoneScript.answers(ring=2.0, talk=TALK, audio="agent")
                await stack.enter_async_context(Phone(pbx, name, PHONES[name] if name in AS_IN_THE_DEMO else talks))
            for name, script in PEOPLE.items():
                await stack.enter_async_context(Phone(pbx, name, script))
            await register(pbx, MOVES)
            await asyncio.gather(*(asyncio.to_thread(bridge.client.act, name, "login") for name in (*AGENTS, *CALLERS)))
            command = (sys.executable, "-m", "callbridge", "campaign", "load", CAMPAIGN, leads(folder), "-c", config)
            await output(*command, limit=60.0)
            await asyncio.to_thread(bridge.client.run_campaign, CAMPAIGN, "start")
            print(self.told(bridge.url, key), flush=True)
            async with asyncio.TaskGroup() as floor:
                floor.create_task(self._traffic(pbx, bridge))
                floor.create_task(_code_calls(bridge))

    def told(self, url: str, key: str) -> str:
        """What somebody needs who wants to look."""
        name, pin = next(iter(DIALLED.items()))
        return (
            f"\nThe floor runs. Open {url} in a browser on this machine:\n"
            f"  agent       {name}   PIN {pin.rstrip('#')}\n"
            f"  agent       {CALLERS[0]}   PIN {CALLERS_PIN}   (calls the people of a campaign, with a script)\n"
            f"  supervisor  maria  password {PASSWORD}   (the team Front office)\n"
            f"  admin       ops    password {PASSWORD}\n"
            f"  wallboard   {url}/wall/{WALL}?key={key}\n"
            "Ctrl-C ends it.\n"
        )

    async def _traffic(self, pbx: Pbx, bridge: Callbridge) -> None:
        """Crowd after crowd; agents whose phone was not answered, or who rest, come back after a while."""
        rng = random.Random(1)
        async with asyncio.TaskGroup() as crowds:
            for number in itertools.count():
                crowds.create_task(self._call(pbx, crowd(rng, number)))
                await asyncio.sleep(CROWD / RATE)
                await asyncio.to_thread(_bring_back, bridge)
                if not bridge.pids():
                    raise SystemExit(f"callbridge has ended: {bridge.last_words()}")

    async def _call(self, pbx: Pbx, calls: list[Call]) -> None:
        callers = Callers(pbx, calls, rate=RATE, script=CallerScript(audio="caller"))
        try:
            async with callers:
                with suppress(TimeoutError):
                    await callers.wait(CROWD / RATE + 240.0)
        except (TimeoutError, RuntimeError) as trouble:
            print(f"{len(calls)} callers less: {trouble or 'SIPp did not start in time'}", flush=True)


async def _code_calls(bridge: Callbridge) -> None:
    """Agents say in wrap-up what their conversation came to."""
    rng = random.Random(2)
    coded: dict[str, float] = {}
    while True:
        await asyncio.sleep(2.0)
        rows = []
        with suppress(ApiError):  # a busy machine; they are asked again
            rows = await asyncio.to_thread(bridge.client.agents)
        for row in rows:
            if row["state"] == "wrap_up" and coded.get(row["id"]) != row["since"]:
                coded[row["id"]] = row["since"]
                await asyncio.to_thread(_code, bridge, row["id"], rng.choice(SAID), rng.choice(OUTCOMES))


def _code(bridge: Callbridge, agent: str, *codes: str) -> None:
    """The first of these codes that this call can have: those of the queue, or of the campaign."""
    for code in codes:
        with suppress(ApiError):
            bridge.client.set_disposition(agent, code)
            return


def _bring_back(bridge: Callbridge) -> None:
    """Who missed a call is sent back to work; who is not ready for another reason was put there by somebody in a browser."""
    try:
        agents = bridge.client.agents()
    except ApiError as slow:
        print(f"agents were not sent back to work: {slow}", flush=True)
        return
    for row in agents:
        if row["state"] == "not_ready" and row["reason"] == "rona":
            with suppress(ApiError):
                bridge.client.act(row["id"], "ready")


async def main() -> None:
    floor, loop = asyncio.create_task(LiveFloor().run()), asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, floor.cancel)
    with suppress(asyncio.CancelledError):
        await floor
    print("\nended", flush=True)


if __name__ == "__main__":
    socket.setdefaulttimeout(10.0)
    sys.exit(asyncio.run(main()))
