"""The READMEs for developers and the docstrings of modules: generated blocks, and the files and functions that they name.

In backquotes, what ends in a known suffix or in ``/`` is a path (from the repository, from the README's folder or from
``callbridge/``), and ``module.function`` is a name in one of our modules. In the docstring of a
module so is every dotted name and every ``CamelCase`` one.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from functools import cache
from pathlib import Path

from tests.docs.diagrams import BLOCKS, ROOT
from tests.sources import parsed

READMES = [ROOT / folder / "README.md" for folder in ("callbridge", "dialplan", "tests")]
_BLOCK = re.compile(r"(<!-- made from the code: ([a-z ]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)
_FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_PATH = re.compile(r"[\w.*{},-]+(?:/[\w.*{},-]*)*")
_SUFFIX = re.compile(r"\.(?:py|md|ya?ml|conf|txt|toml|csv|jsonl?|sample|service|timer)$")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_QUOTED = re.compile(r"``([^`\n]+)``")
_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_CAMEL_CASE = re.compile(r"(?:[A-Z][a-z0-9]+){2,}")


def rewritten(text: str) -> str:
    """The text with its generated blocks made again."""
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}{found[3]}", text)


def prose(text: str) -> str:
    """The text without fenced blocks."""
    return _FENCE.sub("", text)


def paths(text: str) -> list[str]:
    """Files and folders that a README names or links to."""
    named = [
        code for code in _CODE.findall(prose(text)) if _PATH.fullmatch(code) and (_SUFFIX.search(code) or code.endswith("/"))
    ]
    return named + [link for link in _LINK.findall(prose(text)) if ":" not in link]


def names(text: str) -> list[str]:
    """``module.function`` and what else is dotted and no file."""
    codes = [code.removesuffix("()") for code in _CODE.findall(prose(text))]
    return [code for code in codes if _NAME.fullmatch(code) and not _SUFFIX.search(code)]


def names_in_docstring(source: str) -> list[str]:
    """Dotted names and names of classes in the docstring of a module."""
    docstring = _DOCSTRING.match(source)
    quoted = [code.removesuffix("()") for code in _QUOTED.findall(docstring[1])] if docstring else []
    return [code for code in quoted if _CAMEL_CASE.fullmatch(code) or (_NAME.fullmatch(code) and not _SUFFIX.search(code))]


def is_of_python(name: str) -> bool:
    """Is it in Python's own library, such as ``asyncio.wait_for``?"""
    module, _, inside = name.rpartition(".")
    return module in sys.stdlib_module_names and hasattr(importlib.import_module(module), inside)


def exists(path: str, readme: Path) -> bool:
    return any(base.joinpath(path).exists() or any(base.glob(path)) for base in (readme.parent, ROOT, ROOT / "callbridge"))


def is_known(name: str) -> bool:
    """Is it a module of ours, or in one: a function, a class, a constant, a method or a field?"""
    modules = _modules()
    if name in modules or any(module.endswith("." + name) for module in modules):
        return True
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module, inside = ".".join(parts[:cut]), ".".join(parts[cut:])
        if any(_defines(path, inside) for known, path in modules.items() if known == module or known.endswith("." + module)):
            return True
    return any(_defines(path, name) for path in modules.values())


@cache
def _modules() -> dict[str, Path]:
    found = {}
    for top in ("callbridge", "tests"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _names_in(path: Path) -> frozenset[str]:
    return frozenset(_defined(parsed(_text(path))))


def _defines(path: Path, name: str) -> bool:
    """Parsing takes long, and most files do not even have the word."""
    return name.rpartition(".")[2] in _text(path) and name in _names_in(path)


def _defined(tree: ast.Module | ast.ClassDef) -> set[str]:
    found = set()
    body = [inner for node in tree.body for inner in ((*node.body, *node.orelse) if isinstance(node, ast.If) else (node,))]
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
                if name == "__init__":
                    found |= _set_on_self(node)
            case ast.ClassDef(name=name):
                found |= {name} | {f"{name}.{inner}" for inner in _defined(node)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def _set_on_self(method: ast.AST) -> set[str]:
    return {
        part.attr
        for part in ast.walk(method)
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and isinstance(part.value, ast.Name)
        and part.value.id == "self"
    }
