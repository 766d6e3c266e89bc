"""The shape of the mail server that sends alerts and reports."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import text
from callbridge.settings.values import Port, Text

_ADDRESS = r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,255}"
_PORTS = {"starttls": 587, "tls": 465, "off": 25}


def _mail_address(value: str) -> str:
    if not re.fullmatch(_ADDRESS, value):
        raise ValueError(f"expected an e-mail address such as callbridge@example.com, not {value!r:.70}")
    return value


MailAddress = Annotated[str, AfterValidator(_mail_address), text("e-mail address", f"^{_ADDRESS}$", "ops@example.com")]


class MailConfig(ConfigSection):
    """The SMTP server through which callbridge sends mail."""

    host: Text
    """Host name or address of the SMTP server. Example: `smtp.example.com`"""
    port: Port | None = None
    """TCP port of the SMTP server; by default 587 with `tls: starttls`, 465 with `tls: tls` and 25 with `tls: off`.
    Example: `587`"""
    sender: MailAddress = Field(alias="from")
    """Sender address of the messages. Example: `callbridge@example.com`"""
    user: Text | None = None
    """User name for logging in to the server; if omitted, callbridge does not log in. Example: `callbridge`"""
    password: SecretStr | None = None
    """Password of this user."""
    tls: Literal["starttls", "tls", "off"] = "starttls"
    """Encryption: `starttls` after the greeting, `tls` from the start, or `off`; the server's certificate must be valid."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password (or password_file) belong together: give both or neither")
        if self.user is not None and self.tls == "off" and not _is_loopback(self.host):
            raise ValueError("tls: off would send the password in clear text: use starttls or tls")
        return self

    @property
    def actual_port(self) -> int:
        """The port, with its default by ``tls``."""
        return self.port if self.port is not None else _PORTS[self.tls]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
