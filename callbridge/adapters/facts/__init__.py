"""Facts and rows as data: encoding, envelopes, masking, and what facts count."""
