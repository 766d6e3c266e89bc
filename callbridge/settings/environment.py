"""``${NAME}`` and ``${NAME:-default}`` from the environment; ``$$`` is a dollar sign."""

from __future__ import annotations

import re
from collections.abc import Mapping

from callbridge.settings.faults import did_you_mean

_REFERENCE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{")


class EnvironmentFault(ValueError):
    """A reference that cannot be replaced, with a hint."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.hint = hint


def expand(text: str, env: Mapping[str, str]) -> str:
    """``text`` with its references replaced. An empty variable counts as unset only where a default is given."""

    def value(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        if found.group() == "$$":
            return "$"
        if name is None:
            raise EnvironmentFault("'${' without a variable's name and '}'", "write ${NAME}, or $$ for a dollar sign")
        if default is not None:
            return env.get(name) or default
        if name not in env:
            near = did_you_mean(name, (known for known in env if known.startswith(name[:3])))
            hint = near if near.startswith("did") else "set it"
            raise EnvironmentFault(f"the environment variable {name} is not set", f"{hint}, or write ${{{name}:-default}}")
        return env[name]

    return _REFERENCE.sub(value, text)
