"""The pure middle: events in, orders and facts out; no clock, no random, no I/O."""
