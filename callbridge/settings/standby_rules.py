"""What must be said of an instance that is one of several."""

from __future__ import annotations

from collections.abc import Iterator

from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.document import Document
from callbridge.settings.faults import Fault
from callbridge.wire.redis_url import servers_of


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """What they share is in Redis: the lease, and the calls that a standby takes over."""
    if settings.standby is not None and document.values.get("redis") is None:
        yield document.at(("standby",), "requires a section 'redis:'", "all instances of a pair use the same Redis")


def cluster_faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Without a tag the public keys would be on all nodes of a cluster, where no script or transaction reaches them together."""
    redis = settings.redis
    if redis is not None and servers_of(redis.url).cluster and "{" not in redis.prefix:
        yield document.at(
            ("redis", "prefix"),
            "needs a tag in braces, because redis.url is a Redis Cluster: one node must have all keys",
            'for example prefix: "{callbridge}:"',
        )


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A file is on one machine; the other instance has one of its own, with other leads and another history."""
    if settings.standby is not None and settings.database is not None and settings.database.file is not None:
        yield document.at(
            ("database", "url"),
            Sentence("is a file: unless both instances share it, each has a history and leads of its own"),
            Sentence("use PostgreSQL"),
        )
