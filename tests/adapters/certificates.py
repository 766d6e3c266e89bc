"""Certificates for the tests, made by openssl."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from callbridge.adapters.http import TlsFiles

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority of one's own, and what it has signed."""

    certificate: Path
    signed: TlsFiles
    """Its certificate has the authority's behind it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its public key, in base64, as Chromium's ``--ignore-certificate-errors-spki-list`` takes it."""
        key = _openssl("x509", "-in", self.certificate, "-pubkey", "-noout")
        der = _openssl("pkey", "-pubin", "-outform", "der", given=key)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()


def signed(folder: Path, name: str) -> Authority:
    """A certificate for this host name and for 127.0.0.1."""
    own, own_key, asked = folder / "ca.pem", folder / "ca-key.pem", folder / "asked.pem"
    files = TlsFiles(folder / "cert.pem", folder / "key.pem")
    _openssl("req", "-x509", *_KEY, "-days", "30", "-subj", "/CN=Authority of the tests", "-keyout", own_key, "-out", own)
    names = f"subjectAltName=DNS:{name},IP:127.0.0.1"
    _openssl("req", *_KEY, "-subj", f"/CN={name}", "-addext", names, "-keyout", files.key, "-out", asked)
    by = ("-CA", own, "-CAkey", own_key, "-CAcreateserial", "-copy_extensions", "copy")
    _openssl("x509", "-req", "-in", asked, *by, "-days", "30", "-out", files.certificate)
    files.certificate.write_text(files.certificate.read_text() + own.read_text())
    return Authority(own, files)


def _openssl(*words: str | Path, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True, input=given).stdout


def self_signed(folder: Path, name: str = "localhost") -> TlsFiles:
    """Overwrites what is there."""
    files = TlsFiles(folder / "cert.pem", folder / "key.pem")
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    out = ("-keyout", files.key, "-out", files.certificate)
    _openssl("req", "-x509", *_KEY, "-days", "30", "-subj", f"/CN={name}", "-addext", names, *out)
    return files
