"""The inside of one softphone with real audio: pjsua2, told what to do by JSON lines on its input.

Rule of this file: it runs as a process of its own (`python -m tests.lab.softphone SETTINGS`), because
pjsua2 and asyncio do not mix; it has no sound card and no DNS, and everything that happens is one JSON
line on its output.
"""

import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

import pjsua2 as pj

# pjsip prints to the standard output on its own account; our lines need one that is only theirs.
OUTPUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, "at": time.time(), **fields}), file=OUTPUT, flush=True)


class Leg(pj.Call):  # type: ignore[misc]
    """One call: says what becomes of it, sends our tone and records what it hears."""

    def __init__(self, phone: "Account", number: int, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, call_id)
        self.phone, self.number = phone, number
        self.recorder: Any = None
        self.audio: Any = None
        self.unpressed: list[tuple[str, bool]] = []
        self.stays = False

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        say("state", call=self.number, state=info.stateText, code=info.lastStatusCode, reason=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.recorder = None  # closes the file

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()  # the list of media dies with it
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self.audio = audio = self.getAudioMedia(index)
                if self.recorder is None:
                    self.recorder = pj.AudioMediaRecorder()
                    self.recorder.createRecorder(str(self.phone.recording(self.number)))
                audio.startTransmit(self.recorder)
                if self.phone.tone is not None:
                    self.phone.tone.startTransmit(audio)
                say("media", call=self.number)
                while self.unpressed:
                    self._send_keys(*self.unpressed.pop(0))

    def onCallTransferStatus(self, prm: Any) -> None:
        say("transfer", call=self.number, code=prm.statusCode, final=prm.finalNotify)
        if prm.finalNotify and prm.statusCode < 300 and not self.stays:
            self.hangup(pj.CallOpParam())  # as phones do: the other side has gone elsewhere

    def onDtmfDigit(self, prm: Any) -> None:
        say("digit", call=self.number, digit=prm.digit)

    def press(self, digits: str, *, info: bool) -> None:
        """Keys as RTP events, or as SIP INFO. They wait for the audio: callbridge says that it asks before the phone has the
        answer to its call, and a person presses when the question is heard."""
        if self.audio is None:
            self.unpressed.append((digits, info))
        else:
            self._send_keys(digits, info)

    def _send_keys(self, digits: str, info: bool) -> None:
        keys = pj.CallSendDtmfParam()
        keys.digits = digits
        keys.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if info else pj.PJSUA_DTMF_METHOD_RFC2833
        self.sendDtmf(keys)


class Account(pj.Account):  # type: ignore[misc]
    """The phone: its legs by number, in the order in which they began."""

    def __init__(self, settings: dict[str, Any], tone: Any) -> None:
        super().__init__()
        self.settings, self.tone = settings, tone
        self.legs: dict[int, Leg] = {}

    def recording(self, number: int) -> Path:
        return Path(self.settings["folder"]) / f"call-{number}.wav"

    def leg(self, call_id: int = pj.PJSUA_INVALID_ID) -> Leg:
        number = len(self.legs) + 1
        self.legs[number] = Leg(self, number, call_id)
        return self.legs[number]

    def onIncomingCall(self, prm: Any) -> None:
        leg = self.leg(prm.callId)
        say("incoming", call=leg.number, invite=prm.rdata.wholeMsg)
        leg.answer(_options(200 if self.settings["answers"] else 180))

    def onRegState(self, prm: Any) -> None:
        say("registered", code=prm.code, expires=prm.expiration)

    def obey(self, order: dict[str, Any]) -> None:
        """Do one order; what fails is said, not raised."""
        leg = self.legs.get(order.get("call", 0))
        to = str(order.get("to"))
        target = f"sip:{to}" if "@" in to else f"sip:{to}@{self.settings['pbx']}"
        match order["do"], leg:
            case "call", None:
                new = self.leg()
                say("calling", call=new.number)
                new.makeCall(target, pj.CallOpParam(True))
            case "answer", Leg():
                leg.answer(_options(200))
            case "hang_up", Leg():
                leg.hangup(_options(order.get("code", 0)))
            case "hold", Leg():
                leg.setHold(pj.CallOpParam(True))
            case "unhold", Leg():
                again = pj.CallOpParam(True)
                again.opt.flag = pj.PJSUA_CALL_UNHOLD
                leg.reinvite(again)
            case "press", Leg():
                leg.press(order["digits"], info=order["info"])
            case "fall_silent", Leg():
                self.tone.stopTransmit(leg.audio)
            case "transfer", Leg():
                leg.stays = order["stays"]
                leg.xfer(target, pj.CallOpParam(True))
            case "attended", Leg():
                leg.xferReplaces(self.legs[order["other"]], pj.CallOpParam(True))
            case _:
                say("refused", order=order, why="no such order, or no such call")


def _options(code: int) -> Any:
    options = pj.CallOpParam()
    options.statusCode = code
    return options


def _endpoint(settings: dict[str, Any]) -> Any:
    """pjsip bound to one address, single-threaded, with PCMU only and no sound device."""
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.ecTailLen = 0
    config.medConfig.noVad = True
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = transport.publicAddress = settings["host"]
    transport.port = settings["port"]
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU/8000") else 0)
    return endpoint


def _tone(frequency: int) -> Any:
    tone, generator = pj.ToneDesc(), pj.ToneGenerator()
    tone.freq1, tone.freq2, tone.on_msec, tone.off_msec, tone.volume = frequency, 0, 1000, 0, 9000
    generator.createToneGenerator(8000, 1)
    generator.play(pj.ToneDescVector([tone]), True)
    return generator


def _account(settings: dict[str, Any], tone: Any) -> Account:
    config = pj.AccountConfig()
    config.idUri = f"sip:{settings['user']}@{settings['host']}"
    if settings["registers"]:
        config.regConfig.registrarUri = f"sip:{settings['pbx']}"
    media = config.mediaConfig.transportConfig
    media.boundAddress = media.publicAddress = settings["host"]
    media.port, media.portRange = settings["media_port"], 20
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    account = Account(settings, tone)
    account.create(config)
    return account


def main(settings: dict[str, Any]) -> None:
    endpoint = _endpoint(settings)
    account = _account(settings, _tone(settings["tone"]) if settings["tone"] else None)
    say("ready")
    unread = b""
    while True:
        endpoint.libHandleEvents(10)
        if not select.select([0], [], [], 0)[0]:
            continue
        data = os.read(0, 65536)
        if not data:
            break
        *lines, unread = (unread + data).split(b"\n")
        for line in lines:
            try:
                account.obey(json.loads(line))
            except pj.Error as why:
                say("refused", order=json.loads(line), why=why.reason)
    endpoint.hangupAllCalls()
    endpoint.libHandleEvents(100)
    os._exit(0)  # pjsua2's objects may not be destroyed in an order that Python chooses


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
