"""The JavaScript of widgets: small modules, joined into the one text that a browser loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function |class |const )", re.MULTILINE)


def joined(entry: Path) -> str:
    """Return the module `entry` as one text, after every module that it imports.

    anywidget loads one text per widget, and a bundler would have to come from npm. The files therefore stay
    ordinary modules, which node and the linter read as they are; here the imports are replaced by the text of
    the imported file. The joined text has one scope: no two of its files may define the same name.
    """
    texts: dict[Path, str] = {}

    def add(path: Path) -> None:
        if path in texts:
            return
        text = path.read_text(encoding="utf-8")
        texts[path] = ""  # ends a circle of imports
        for name in _IMPORT.findall(text):
            add(path.parent / name)
        del texts[path]  # a module comes after those it imports
        texts[path] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(entry)
    return "\n".join(texts.values())
