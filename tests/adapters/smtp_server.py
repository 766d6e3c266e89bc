"""A small SMTP server: keeps what it is given, with the faults that a test asks of it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


@dataclass
class SmtpServer:
    port: int = 0
    tls: ssl.SSLContext | None = None
    """Offered as STARTTLS."""
    refuses: str = ""
    """A recipient that is not known here."""
    answer: str = "250 queued"
    """To a message."""
    log_ins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """Of each message: did it come over TLS?"""
    messages: list[EmailMessage] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encrypted = False
        writer.write(b"220 test ESMTP\r\n")
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            while line := (await reader.readline()).decode().strip():
                word = line.split()[0].upper()
                if word == "EHLO":
                    offers = ["250-AUTH PLAIN", *(["250-STARTTLS"] if self.tls and not encrypted else [])]
                    writer.write("".join(f"{one}\r\n" for one in ["250-test", *offers, "250 8BITMIME"]).encode())
                elif word == "STARTTLS" and self.tls is not None:
                    writer.write(b"220 go ahead\r\n")
                    await writer.drain()
                    await writer.start_tls(self.tls)
                    encrypted = True
                elif word == "AUTH":
                    self.log_ins.append(line)
                    writer.write(b"235 welcome\r\n")
                elif word == "RCPT" and self.refuses and self.refuses in line:
                    writer.write(b"550 no such mailbox\r\n")
                elif word == "DATA":
                    writer.write(b"354 go on\r\n")
                    raw = await reader.readuntil(b"\r\n.\r\n")
                    made = message_from_bytes(raw[:-3].replace(b"\r\n..", b"\r\n."), policy=policy.default)
                    assert isinstance(made, EmailMessage)
                    self.messages.append(made)
                    self.encrypted.append(encrypted)
                    writer.write(f"{self.answer}\r\n".encode())
                else:
                    writer.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def smtp_server(**how: object) -> AsyncIterator[SmtpServer]:
    server = SmtpServer(**how)  # type: ignore[arg-type]
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the certificate that a client must trust."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    made_by = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert))
    subprocess.run([*made_by.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
