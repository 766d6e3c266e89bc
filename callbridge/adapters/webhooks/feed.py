"""From the outbox to the webhooks: each hook is a reader of its own, so a dead one never delays another.

What a hook has taken and not delivered it is owed: it is handed over again after a restart. What was delivered in the last
half second before a crash is delivered again, under the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from callbridge.adapters.outbox import OutboxReader, OutboxReaders
from callbridge.adapters.outbox.envelope import Envelope
from callbridge.adapters.outbox.readers import StartTask
from callbridge.adapters.system.tasks import end
from callbridge.adapters.webhooks.body import FACTS, WebhookSettings
from callbridge.adapters.webhooks.delivery import Webhook, WebhookObserver


class WebhookReader(OutboxReader):
    """Hands the facts to one hook. A hook that is full leaves them in the outbox."""

    def __init__(self, hook: Webhook) -> None:
        self._hook = hook
        self.name = hook.reader
        self.wants = frozenset(filter(hook.settings.wants, FACTS))

    async def handle(self, facts: Sequence[Envelope]) -> None:
        self._hook.take(facts)

    def owed(self) -> Sequence[str]:
        return self._hook.owed()

    @property
    def has_room(self) -> bool:
        return not self._hook.full

    @property
    def done(self) -> bool:
        return self._hook.gone


class WebhookFeeds:
    """All webhooks: started, changed by a reload, ended."""

    def __init__(self, start: StartTask, observer: WebhookObserver, readers: OutboxReaders) -> None:
        self._start = start
        self._observer = observer
        self._readers = readers
        self._running: dict[str, tuple[Webhook, asyncio.Task[None]]] = {}

    async def adopt(self, wanted: Sequence[WebhookSettings]) -> None:
        """Run these from now on. One that changed goes on from its place; one that was disabled is tried again."""
        settings = {one.name: one for one in wanted}
        for name, (hook, _) in list(self._running.items()):
            if settings.get(name) != hook.settings or hook.gone:
                await self._end(name, gone=name not in settings)
            if name not in settings:
                self._observer.hook_gone(name)
        for name, one in settings.items():
            if name not in self._running:
                self._begin(one)

    def backlogs(self) -> dict[str, int]:
        """How many deliveries wait for each webhook."""
        return {name: hook.backlog for name, (hook, _) in self._running.items()}

    async def close(self) -> None:
        await asyncio.gather(*(self._end(name) for name in list(self._running)))

    def _begin(self, settings: WebhookSettings) -> None:
        hook = Webhook(settings, self._observer)
        self._running[settings.name] = hook, self._start(f"webhook {settings.name}", hook.run())
        self._readers.add(WebhookReader(hook))
        self._observer.backlog(settings.name, 0)

    async def _end(self, name: str, *, gone: bool = False) -> None:
        hook, delivering = self._running.pop(name)
        await end((delivering,))
        await self._readers.remove(hook.reader, gone=gone)
