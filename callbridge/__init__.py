"""callbridge: the contact-centre engine beside an Asterisk PBX."""

__version__ = "0.1.0"
