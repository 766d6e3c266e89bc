"""https by a certificate of one's own, which is read again at each reload: certificates are renewed every few weeks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


class BadCertificate(ValueError):
    """The files cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    certificate: Path
    key: Path


class ServedCertificate:
    """The files in force. Connections that are open keep theirs."""

    def __init__(self, files: TlsFiles) -> None:
        """Blocks. Raises BadCertificate."""
        self.files = files
        self.context = _context(files)

    def check(self) -> None:
        """Whether the files can be used now. Blocks. Raises BadCertificate."""
        _context(self.files)

    def renew(self) -> None:
        """Read the files again, for new connections. ``check`` first: a failed load would leave the one in use half changed. Call
        it on the loop, which uses the context. Raises BadCertificate."""
        try:
            self.context.load_cert_chain(self.files.certificate, self.files.key)
        except (OSError, ValueError) as trouble:
            raise BadCertificate(_why(trouble, self.files)) from None


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (OSError, ValueError) as trouble:
        raise BadCertificate(_why(trouble, files)) from None
    return context


def _no_password() -> str:
    raise ValueError("the key has a password: store it without one, readable by callbridge only")


def _why(trouble: Exception, files: TlsFiles) -> str:
    if isinstance(trouble, ssl.SSLError):
        reason = (trouble.reason or "no certificate and key in PEM format").replace("_", " ").lower()
        return f"http.tls: {files.certificate} and {files.key}: {reason}"
    if isinstance(trouble, OSError):
        unreadable = next((file for file in (files.certificate, files.key) if not _readable(file)), files.certificate)
        return f"http.tls: cannot read {unreadable}: {(trouble.strerror or str(trouble)).lower()}"
    return f"http.tls: {files.key}: {trouble}"


def _readable(file: Path) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False
