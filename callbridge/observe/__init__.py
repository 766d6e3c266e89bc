"""Observes a PBX's app_queue queues: ``step`` turns AMI events into the same facts and rows as callbridge's own floor.

Pure, like the core: time and day come with each event, nothing is ordered. Rows of calls, agents and tallies live in a
``World``, so that views, Redis, metrics, history and the saved state need nothing of their own for observed queues.
"""

from callbridge.observe.floor import Beside, ObservedFloor, number_in
from callbridge.observe.step import HEARD, AmiHeard, CallOverdue, CallTaken, QueuesListed, step

__all__ = ["HEARD", "AmiHeard", "Beside", "CallOverdue", "CallTaken", "ObservedFloor", "QueuesListed", "number_in", "step"]
