"""Pure codecs: what Asterisk writes becomes the core's events, orders become requests; no I/O."""
