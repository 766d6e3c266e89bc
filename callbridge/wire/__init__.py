"""Pure codecs: Asterisk's messages become events, orders become requests; no I/O."""
