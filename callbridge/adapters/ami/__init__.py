"""The AMI link to a PBX: phone states, and the fallback queue."""
