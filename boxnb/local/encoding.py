"""Convert names and paths to text that every file, table and terminal can represent, in any locale."""

from __future__ import annotations

import os
from typing import TextIO


def on_disk(name: str) -> str:
    """Return a file name that this process can write. If the locale cannot encode it, its bytes on the disk are UTF-8."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return os.fsdecode(name.encode("utf-8", "surrogateescape"))
    return name


def decoded(name: str) -> str:
    """Return a file name decoded as UTF-8; bytes that are not UTF-8 remain lone surrogates.

    In the C locale, Python decodes every byte beyond ASCII as a lone surrogate (PEP 383).
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that does not represent a byte
        return name


def as_text(path: object) -> str:
    """Return a path or name as text that any table, email or file can contain; bytes that are not UTF-8 become escapes."""
    return decoded(str(path)).encode("utf-8", "backslashreplace").decode()


def printable(text: str, stream: TextIO) -> str:
    """Return text that a stream can write. A terminal in the C locale or with a Windows code page lacks most characters."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        if stream.errors == "surrogateescape":  # the C locale passes every byte, and terminals expect UTF-8
            return as_text(text).encode().decode(encoding, "surrogateescape")
        return as_text(text).encode(encoding, "backslashreplace").decode(encoding)
    return text
