"""Facts and rows as data: encoding, masking, and what facts count."""
