"""What an import yields: a configuration, and everything that somebody has to look at."""

from __future__ import annotations

from dataclasses import dataclass, field

from callbridge.cli.importing.yaml_lines import comment
from callbridge.wire.asterisk_conf import ConfEntry

PBX = """\
# How the PBX is reached: delete this section where your main file, which includes this one, has it already.
pbx:
  - name: pbx1
    ari:
      url: ${CALLBRIDGE_ARI_URL:-http://127.0.0.1:8088/ari}
      user: ${CALLBRIDGE_ARI_USER:-callbridge}
      password: ${CALLBRIDGE_ARI_PASSWORD:-callbridge}
    ami:
      user: ${CALLBRIDGE_AMI_USER:-callbridge}
      secret: ${CALLBRIDGE_AMI_SECRET:-callbridge}
"""


@dataclass(slots=True)
class Looks:
    """Lines to look at: what could not be carried over, or only guessed. Each is said once."""

    lines: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> str:
        """Take a line down; returned as it stands in a comment of the configuration."""
        line = f"{where}: {what}" if where else what
        if line not in self.lines:
            self.lines.append(line)
        return comment(what)

    def was(self, where: str, entry: ConfEntry, why: str) -> str:
        """A setting without an equivalent, as a comment."""
        return f"# was: {self.add(where, f'{entry.key} = {entry.value[:120]}: {why}')}"


@dataclass(slots=True)
class Converted:
    """``lines``: the configuration; ``looks``: also in its comments; ``files``: name -> text of files that belong to it."""

    lines: list[str] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)
    files: dict[str, str] = field(default_factory=dict)
    found: bool = True
    """Whether there was anything to convert."""
    queues: int = 0
    agents: int = 0

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"
