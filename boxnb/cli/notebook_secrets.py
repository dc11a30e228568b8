"""Search a notebook for secrets: everything that it saves is searched, and a finding never contains the secret.

A secret of a saved profile is found in every encoding, wherever it is. Other secrets are found by their format: in
Python code, a string that is assigned to a name such as ``client_secret``; elsewhere, a header, a form field, JSON or a URL.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .. import known_secrets
from ..errors import BoxNotebookError
from ..redaction import holds_secret, kinds_of_secrets, looks_secret
from ..servers import saved as saved_servers

_TERMINAL_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LABEL = re.compile(r"<secret ([0-9a-f]{4})>")
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
_STRING = re.compile(r"(?<![\w.])([A-Za-z_][\w.-]*)[\"']?\]?\s*[:=]\s*[rbuf]?([\"'])((?:(?!\2).)*)\2")
"""A name with a string, for cells in which Python finds a syntax error."""


class Finding(NamedTuple):
    """Where a secret is, and what it is. Neither contains the secret."""

    place: str
    kind: str


class SavedSecrets(NamedTuple):
    """The secrets of this computer's profiles: what each is, by fingerprint, and the profiles that could not be read."""

    kinds: dict[str, str]
    unread: list[str]


def saved_secrets() -> SavedSecrets:
    """Load the secrets of every profile and server, so that :mod:`boxnb.redaction` recognizes them in every encoding."""
    kinds: dict[str, str] = {}
    unread: list[str] = []
    for name in saved_servers.every_name():
        try:
            saved = saved_servers.any_profile(name)
        except BoxNotebookError:
            unread.append(name)
            continue
        if saved is not None:
            noun = "profile" if saved.is_box else "server"
            kinds |= {
                value.fingerprint: f"the {what} of {noun} {name!r}" for what, value in saved.secrets().items()
            }
    return SavedSecrets(kinds, unread)


def search(notebook: Mapping[str, Any], kinds: Mapping[str, str]) -> list[Finding]:
    """
    Return what looks like a secret in a notebook, each kind once per place.

    Parameters
    ----------
    notebook : mapping
        The decoded JSON of the file, with any content.
    kinds : mapping of str to str
        What each known secret is, by fingerprint; see :func:`saved_secrets`.

    Returns
    -------
    list of Finding
        In the order of the file.
    """
    findings: dict[Finding, None] = {}
    for path, name, text in _strings(notebook, ()):
        place = _place(notebook, path)
        is_code = path[-1:] == ("source",) and _cell(notebook, path).get("cell_type") == "code"
        if _is_password_field(notebook, path) and looks_secret(text, quoted=True):
            findings[Finding(place, "the text of a password field")] = None
        for kind in _kinds(text, name, kinds, is_code=is_code, in_data=_is_data(path)):
            findings[Finding(place, kind)] = None
    return list(findings)


def _strings(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], str, str]]:
    """Yield every string with its path and the name of its field. The lines of a multi-line string are joined."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    if isinstance(value, str):
        yield path, name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key), "", str(key)
            yield from _strings(item, (*path, key))
    elif isinstance(value, list):
        if all(isinstance(item, str) for item in value):
            yield path, name, ("\n" if name == "traceback" else "").join(value)
        else:
            for number, item in enumerate(value):
                yield from _strings(item, (*path, number))


def _is_data(path: tuple[Any, ...]) -> bool:
    """Return whether a string is a value in JSON that a program has written: an output's data, or the state of a widget."""
    return "outputs" in path[:3] or "widgets" in path[:2]


def _is_password_field(notebook: Mapping[str, Any], path: tuple[Any, ...]) -> bool:
    """Return whether a string is what a user typed into the password field of ipywidgets."""
    if path[:2] != ("metadata", "widgets") or path[-2:] != ("state", "value"):
        return False
    model: Any = notebook
    for part in path[:-2]:
        model = model[part]
    return bool(model.get("model_name") == "PasswordModel")


def _kinds(text: str, name: str, known: Mapping[str, str], *, is_code: bool, in_data: bool) -> Iterator[str]:
    text = _TERMINAL_COLOR.sub("", text)
    labels_before = len(_LABEL.findall(text))
    if len(fingerprints := _LABEL.findall(known_secrets.redact_known(text))) > labels_before:
        for fingerprint in fingerprints:
            yield known.get(fingerprint, "a secret of a saved profile, encoded")
        return
    if is_code:
        yield from _kinds_in_code(text)
    else:
        yield from kinds_of_secrets(text)
        if in_data and holds_secret(name) and looks_secret(text, quoted=True):
            yield f"a value of {name}"


def _kinds_in_code(source: str) -> Iterator[str]:
    """Yield the strings in Python code that are assigned, passed or compared to a name that contains a secret."""
    strings: list[str] = []
    try:
        tree = ast.parse(_MAGIC.sub("", source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        for match in _STRING.finditer(source):
            if _is_secret(match[1], match[3]):
                yield f"a string in {match[1]}"
        yield from kinds_of_secrets(source)
        return
    for node in ast.walk(tree):
        for name, value in _named_values(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str | bytes):
                content = (
                    value.value if isinstance(value.value, str) else value.value.decode("utf-8", "replace")
                )
                if _is_secret(name, content):
                    yield f"a string in {name}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.append(node.value)
    for text in strings:
        yield from kinds_of_secrets(text)
    for line in source.splitlines():
        if re.match(r"\s*[%!#]", line) or " # " in line:  # a magic, a command or a comment
            yield from kinds_of_secrets(line)


def _is_secret(name: str, value: str) -> bool:
    # A value with a space is a message or a label: no token has one, and few passwords do.
    return holds_secret(name) and looks_secret(value, quoted=True) and not re.search(r"\s", value.strip())


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the pairs of name and value in a statement or expression."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for name, value in zip(map(_name, target.elts), node.value.elts, strict=False):
                    yield name, value
            yield _name(target), node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        yield _name(node.target), node.value
    elif isinstance(node, ast.keyword):
        yield node.arg or "", node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield _name(key), value
    elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
        yield _name(node.left), node.comparators[0]
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Secret" and node.args:
        yield "Secret", node.args[0]


def _name(node: ast.AST | None) -> str:
    """Return the name of a variable, attribute or key; ``""`` for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return _name(node.slice)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ""


def _cell(notebook: Mapping[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    with contextlib.suppress(IndexError, KeyError, TypeError):
        if path[0] == "cells":
            return dict(notebook["cells"][path[1]])
    return {}


def _place(notebook: Mapping[str, Any], path: tuple[Any, ...]) -> str:
    """Return where a string is, in words: ``cell 3, output``. The first cell is number 1."""
    if path[:1] == ("cells",) and len(path) > 2:
        parts = {"source": "source", "outputs": "output", "attachments": "attachment"}
        return f"cell {path[1] + 1}, {parts.get(path[2], 'metadata')}"
    return "widget state" if path[:2] == ("metadata", "widgets") else "metadata"
