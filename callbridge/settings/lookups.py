"""The shape of lookups: other systems that know about callers."""

from __future__ import annotations

import pathlib
import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from callbridge.settings.section import ConfigSection
from callbridge.settings.values import Lasting, Text, WholeUrl, WithoutPlus


class LookupConfig(ConfigSection):
    """Another system that knows about callers: a web service, a hash in Redis, or a CSV file."""

    url: WholeUrl | None = None
    """URL that answers with a JSON object; `{caller}` and other values are inserted behind the host. Example:
    `https://crm.example/callers/{caller}`"""
    redis: Text | None = None
    """Key of a hash in Redis, beginning with text of your own. Example: `customers:{caller}`"""
    csv: pathlib.Path | None = None
    """CSV file whose first column is the number and whose other columns are values, named by their headings. Example:
    `managers.csv`"""
    without_plus: WithoutPlus | None = None
    """How numbers in the CSV file without a `+` or another prefix are meant, where that is not clear: `international` or
    `national`. Example: `international`"""
    deadline: Lasting = 0.3
    """How long a caller waits for the answer, at most 10 s; later the flow goes on at `otherwise`. Example: `300ms`"""
    token: SecretStr | None = None
    """Bearer token sent with the request."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(given is not None for given in (self.url, self.redis, self.csv)) != 1:
            raise ValueError("expected one of url: https://..., redis: key, csv: file")
        if self.url is not None and "{" in urlsplit(self.url).netloc:
            raise ValueError("url: values may only appear after the host, or callers could choose which server is asked")
        if self.redis is not None and not re.match(r"[^{]{2,}", self.redis):
            raise ValueError("redis: must begin with fixed text, such as customers:{caller}, or callers could choose any key")
        if self.token is not None and not (
            self.token.get_secret_value().isascii() and self.token.get_secret_value().isprintable()
        ):
            raise ValueError("token: cannot be sent in an HTTP header")
        if self.token is not None and self.url is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("url: cannot contain a user name when there is a token")
        if self.deadline > 10:
            raise ValueError("deadline: must not be longer than 10 s")
        return self
