"""Certificates for the tests, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from callbridge.adapters.http import TlsFiles


def self_signed(folder: Path, name: str = "localhost") -> TlsFiles:
    """Overwrites what is there."""
    files = TlsFiles(folder / "cert.pem", folder / "key.pem")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    made += ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made += ["-keyout", str(files.key), "-out", str(files.certificate)]
    subprocess.run(made, check=True, capture_output=True)
    return files
