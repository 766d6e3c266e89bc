"""A talk with real voice, to begin with: ann, at phone 1008, has answered a caller of the queue ``support``."""

import contextlib
from collections.abc import AsyncIterator

from tests.lab import sounds
from tests.lab.audio import Softphone
from tests.lab.bridge import Callbridge
from tests.lab.pbx import Pbx

VOICE, REPLY, THIRD = (sounds.TONES[name] for name in ("caller", "agent", "third"))
"""What the caller, ann and anybody else says."""


@contextlib.asynccontextmanager
async def talking(pbx: Pbx, bridge: Callbridge) -> AsyncIterator[tuple[Softphone, Softphone]]:
    """Gives ann and the caller."""
    async with Softphone(pbx, "1008", tone=REPLY) as ann, Softphone(pbx, "1", trunk=True, tone=VOICE) as caller:
        await caller.call("support")
        await bridge.until("talk_began", agent="ann")
        await ann.until_hears(VOICE)
        yield ann, caller
