"""Reports on the history: figures over intervals of local time, in two families.

*Cohort*: everything that became of a visit counts in the interval in which it began, so the columns close (offered = answered +
abandoned + short abandoned + overflowed + failed + still waiting). Queues, tiers and entries are reported so.
*Clipped*: seconds of a state count in the interval in which they pass, cut at its borders. Agents are reported so.

Nothing is imported here: who needs intervals only does not load the database's library.
"""
