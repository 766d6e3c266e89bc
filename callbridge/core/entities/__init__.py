"""What becomes of one thing at a time: a leg, an agent, an attempt, a callback, a recording; and what a queue can expect."""
