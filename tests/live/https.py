"""A started callbridge that starts again with a certificate."""

from __future__ import annotations

import json

from callbridge.adapters.http import TlsFiles
from tests.lab.bridge import Callbridge


async def serve_https(bridge: Callbridge, files: TlsFiles, token: str | None = None) -> None:
    """``files``: in its folder. Returns as soon as the process runs; its client asks over https, and trusts what
    ``SSL_CERT_FILE`` names. ``token``: the client's, where the configuration has tokens."""
    await bridge.stop()
    whole = json.loads(bridge.path.read_text())
    whole["http"]["tls"] = {"certificate": files.certificate.name, "key": files.key.name}
    bridge.path.write_text(json.dumps(whole))
    bridge.url = f"https://127.0.0.1:{bridge.port}"
    bridge.client = type(bridge.client)(bridge.url, token or "")
    await bridge.launch()
