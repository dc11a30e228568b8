"""Names and paths as text that every file, table and terminal can hold, whatever the locale."""

from __future__ import annotations

import os
from typing import TextIO


def on_disk(name: str) -> str:
    """The name of a file as this process can write it: UTF-8 on the disk where the locale lacks its letters."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return os.fsdecode(name.encode("utf-8", "surrogateescape"))
    return name


def decoded(name: str) -> str:
    """A name from this computer with the letters that its bytes are in UTF-8; bytes that are none stay half letters.

    Under the locale C Python reads every byte beyond ASCII as half a letter (PEP 383).
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a letter that is no byte of a path
        return name


def as_text(path: object) -> str:
    """A path or a name as text that every table, mail and file can hold: what is no letter in UTF-8 is written out."""
    return decoded(str(path)).encode("utf-8", "backslashreplace").decode()


def printable(text: str, stream: TextIO) -> str:
    """The text as a stream can write it: a terminal of the locale C, or of a Windows code page, lacks most letters."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        if stream.errors == "surrogateescape":  # the locale C: every byte passes, and terminals speak UTF-8
            return as_text(text).encode().decode(encoding, "surrogateescape")
        return as_text(text).encode(encoding, "backslashreplace").decode(encoding)
    return text
