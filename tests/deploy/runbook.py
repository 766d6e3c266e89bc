"""The runbook's commands, as they stand in deploy/README.md."""

import re

from tests.deploy.files import DEPLOY

TEXT = (DEPLOY / "README.md").read_text()
NOT_HERE = {
    "apt-get": "changes this machine's packages",
    "adduser": "changes this machine's users",
    "chown": "needs the users of an installation",
    "runuser": "likewise",
    "install": "likewise",
    "systemctl": "needs systemd as process 1",
    "journalctl": "likewise",
    "/opt/callbridge/bin/pip": "fetches packages; `make setup` installs in the same way",
}
"""Commands that no test can run, each with its reason. All others are run."""


def commands() -> list[str]:
    """Every line of every shell block, in the order of the runbook."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def to_be_run() -> list[str]:
    return [line for line in commands() if line.split()[0] not in NOT_HERE]
