"""FreePBX and its like write Asterisk's files again and again: which file of theirs is left alone, and is really included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from callbridge.cli.conf_files import read_conf
from callbridge.cli.doctor.findings import Finding, Level
from callbridge.wire.asterisk_conf import Conf

_CUSTOM: Mapping[str, tuple[str, str]] = {
    "ari.conf": ("ari_general_custom.conf", "ari_additional_custom.conf"),
    "manager.conf": ("manager_general_custom.conf", "manager_custom.conf"),
    "http.conf": ("http_custom.conf", "http_custom.conf"),
    "queues.conf": ("queues_custom_general.conf", "queues_custom.conf"),
    "extensions.conf": ("extensions_custom.conf", "extensions_custom.conf"),
    "musiconhold.conf": ("musiconhold_custom.conf", "musiconhold_custom.conf"),
    "pjsip.conf": ("pjsip_custom.conf", "pjsip.endpoint_custom_post.conf"),
}
"""File that the program writes -> what is one's own: the lines of [general], and whole sections."""
_BY_HAND: Mapping[str, str] = {"http.conf": "Settings > Advanced Settings > Asterisk Builtin mini-HTTP server"}
"""What is set on the program's pages where no file of one's own is included."""
_ON_PAGES: Mapping[str, str] = {"max_contacts": "the extension's page, tab Advanced, Max Contacts"}
"""Settings of single phones, which the program has a field for."""


@dataclass(slots=True)
class FreePbxTree:
    """A folder of Asterisk's files that a program writes. ``confs``: each plain file with all that it includes."""

    confs: dict[str, Conf] = field(default_factory=dict)

    def advised(self, finding: Finding) -> Finding:
        """The finding with the file in which its advice stays, instead of the one that the program writes again."""
        if finding.level in (Level.OK, Level.UNSEEN) or not finding.todo:
            return finding
        page = next((page for setting, page in _ON_PAGES.items() if setting in finding.todo and "pjsip.conf" in self.confs), "")
        if page:
            return replace(finding, todo=f"{finding.todo} - FreePBX writes pjsip.conf again: set it on {page}")
        for name in self.confs:
            if name in finding.todo or finding.about == name:
                return replace(finding, todo=f"{finding.todo} - {self._where(name, general='[general]' in finding.todo)}")
        return finding

    def _where(self, name: str, *, general: bool) -> str:
        included = {Path(each).name for each in self.confs[name].includes}
        wanted = _CUSTOM[name][0 if general else 1]
        if wanted in included:
            heading = ", without the heading" if general else ""
            return f"FreePBX writes {name} again, so put it into {wanted}{heading}"
        if name in _BY_HAND:
            return f"FreePBX writes {name} again: set it in {_BY_HAND[name]}"
        return f"FreePBX may write {name} again, and it does not include {wanted} here: put it into {name} and look after updates"


def tree_of(etc: Path) -> FreePbxTree | None:
    """The files of a program such as FreePBX; None where people write them themselves."""
    tree = FreePbxTree()
    for name in _CUSTOM:
        try:
            tree.confs[name] = read_conf(etc / name)
        except OSError:
            continue
    written = {Path(each).name for conf in tree.confs.values() for each in conf.includes}
    return tree if any(name.endswith("_additional.conf") for name in written) else None
