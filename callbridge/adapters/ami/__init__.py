"""The AMI link to a PBX: phone states, recording and the fallback queue."""
