"""Our link to one toy PBX: it is lost, it comes back with a snapshot, and it ends with our process."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from callbridge.core.model.events import AnyEvent, PbxLost
from tests.sim.agenda import Agenda
from tests.sim.lanes import Lanes
from tests.sim.toy import ToyPbx


class Connection:
    """``listed`` is called in the moment in which the PBX is being listed."""

    def __init__(
        self,
        agenda: Agenda,
        rng: Random,
        toy: ToyPbx,
        lanes: Lanes,
        hear: Callable[[AnyEvent], None],
        listed: Callable[[], None],
    ) -> None:
        self.agenda = agenda
        self.rng = rng
        self.toy = toy
        self.lanes = lanes
        self.hear = hear
        self.heard_at = agenda.now
        self._listed = listed

    def lose(self) -> None:
        """The event socket dies; Asterisk and we notice it some time later; then it comes back."""
        if not self.toy.link.up or self.lanes.frozen:
            return
        self.heard_at = self.agenda.now
        self.toy.go_deaf()
        rng = self.rng

        def unregistered() -> None:
            self.toy.app_up = False

        self.agenda.after(rng.uniform(0.0, 1.5), self._unless_back(unregistered))
        lost = rng.uniform(0.3, 1.5)
        self.agenda.after(lost, self._unless_back(self._notice))
        self.agenda.after(lost + rng.uniform(0.2, 6.0), self._unless_back(self.reconnect))

    def _unless_back(self, action: Callable[[], None]) -> Callable[[], None]:
        epoch = self.toy.link.epoch
        return lambda: action() if self.toy.link.epoch == epoch and not self.toy.link.up else None

    def _notice(self) -> None:
        self.lanes.freeze()
        self.hear(PbxLost(at=self.agenda.now, pbx=self.toy.name))

    def crash(self) -> None:
        """The PBX dies with all its channels, which we notice at once, and starts again; its phones register."""
        if not self.toy.link.up or self.lanes.frozen:
            return
        self.heard_at = self.agenda.now
        self.toy.crash()
        self._notice()

        def started() -> None:
            self.toy.running = True
            self.hear(self.toy.devices())
            self.reconnect()

        self.agenda.after(self.rng.uniform(1.0, 8.0), self._unless_back(started))

    def reconnect(self) -> None:
        self.toy.running = True
        self.toy.reconnect()
        self.lanes.thaw()
        requested, epoch = self.agenda.now, self.toy.link.epoch

        def listed() -> None:
            self._listed()
            snapshot = self.toy.snapshot(requested, self.heard_at)

            def apply() -> None:
                if epoch == self.toy.link.epoch:
                    self.hear(snapshot)
                    self.toy.release_held()

            self.agenda.after(self.rng.uniform(0.001, 0.05), apply)

        self.agenda.after(self.rng.uniform(0.001, 0.05), listed)

    def die(self) -> None:
        """Our process is killed, and its sockets with it."""
        self.heard_at = self.agenda.now
        self.lanes.die()
        self.toy.go_deaf()
        self.toy.forget_ami()
        self.toy.app_up = False
