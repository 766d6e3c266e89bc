"""Watches the app_queue queues of a PBX: ``step`` turns what AMI says into the facts and rows that callbridge's own floor has.

Pure, like the core: time and day come with each event, nothing is ordered. Rows of calls, agents and tallies live in a
``World``, so that views, Redis, metrics, history and the saved state need nothing of their own for observed queues.
"""

from callbridge.observe.floor import Beside, ObservedFloor, number_in
from callbridge.observe.step import HEARD, AmiHeard, CallOverdue, CallTaken, QueuesListed, step

__all__ = ["HEARD", "AmiHeard", "Beside", "CallOverdue", "CallTaken", "ObservedFloor", "QueuesListed", "number_in", "step"]
