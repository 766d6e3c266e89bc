"""Sends e-mail by SMTP, in a thread of its own: a mail server that hangs delays other mail and nothing else.

A message is handed over once. Whether and when to repeat one that was not sent is the caller's decision.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from callbridge.adapters.system.threads import Threads, ThreadsBusy

Tls = Literal["starttls", "tls", "off"]
"""``starttls``: encrypted after the greeting; ``tls``: from the first byte; ``off``: never."""
SERVER_TIMEOUT = 20.0
"""Seconds that the server has for each of its answers."""
MOST_WAITING = 100
"""Messages that wait while one is being sent; beyond that the server counts as unavailable."""


class MailNotSent(Exception):
    """The message was not accepted; the text says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    host: str
    port: int
    sender: str
    """The address that the messages come from."""
    user: str = ""
    """Empty: no login."""
    password: str = ""
    tls: Tls = "starttls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a message. ``kind``: its MIME type, such as ``text/csv``."""

    name: str
    kind: str
    content: bytes


class Mailer:
    """``send`` may be called from anywhere on the loop; messages go out one after the other."""

    def __init__(self, settings: MailSettings) -> None:
        self.settings = settings
        self._threads = Threads("mail", most_waiting=MOST_WAITING)

    async def send(
        self, to: Sequence[str], subject: str, text: str, *, html: str = "", attachments: Sequence[Attachment] = ()
    ) -> None:
        """Send one message to all of ``to``; ``html`` is another form of ``text``. Raises MailNotSent, also when the server
        accepts it for some of them only."""
        made = message(self.settings.sender, to, subject, text, html=html, attachments=attachments)
        try:
            await self._threads.run(lambda: _deliver(self.settings, made))
        except ThreadsBusy:
            raise MailNotSent(f"{MOST_WAITING} messages are waiting for {_server(self.settings)}") from None

    def close(self) -> None:
        """The thread ends when it has sent what waits; returns at once."""
        self._threads.close()


def message(
    sender: str, to: Sequence[str], subject: str, text: str, *, html: str = "", attachments: Sequence[Attachment] = ()
) -> EmailMessage:
    """The message as it is sent. Line breaks in the subject become spaces: they would begin further headers."""
    made = EmailMessage()
    made["From"], made["To"] = sender, ", ".join(to)
    made["Subject"] = " ".join(subject.split())
    made["Date"] = formatdate(localtime=True)
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"  # so that nobody's absence note answers it
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    for each in attachments:
        main, _, sub = each.kind.partition("/")
        made.add_attachment(each.content, maintype=main, subtype=sub, filename=each.name)
    return made


def _deliver(settings: MailSettings, made: EmailMessage) -> None:
    """In the thread. The certificate of an encrypted connection must be valid for the host."""
    try:
        with _connected(settings) as server:
            if settings.user:
                server.login(settings.user, settings.password)
            refused = server.send_message(made)
    except smtplib.SMTPRecipientsRefused as trouble:
        refused = trouble.recipients
    except smtplib.SMTPResponseException as trouble:
        raise MailNotSent(f"{_server(settings)} answered {_said(trouble.smtp_code, trouble.smtp_error)}") from None
    except UnicodeError:  # not ValueError, which a bad certificate is, too
        raise MailNotSent(
            f"{_server(settings)}: its name, the user or the password has characters that SMTP cannot send"
        ) from None
    except (smtplib.SMTPException, OSError) as trouble:
        raise MailNotSent(f"{_server(settings)}: {_one_line(str(trouble) or type(trouble).__name__)}") from None
    if refused:
        address, (code, error) = next(iter(refused.items()))
        raise MailNotSent(f"{_server(settings)} refused {address}: {_said(code, error)}")


def _connected(settings: MailSettings) -> smtplib.SMTP:
    if settings.tls == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=SERVER_TIMEOUT, context=ssl.create_default_context())
    server = smtplib.SMTP(settings.host, settings.port, timeout=SERVER_TIMEOUT)
    if settings.tls == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _server(settings: MailSettings) -> str:
    return f"the mail server {settings.host}:{settings.port}"


def _said(code: int, error: bytes | str) -> str:
    return f"{code} {_one_line(error.decode(errors='replace') if isinstance(error, bytes) else error)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
