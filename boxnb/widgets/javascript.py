"""Join the small JavaScript modules of a widget into the single module that a browser loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function |class |const )", re.MULTILINE)


def join_modules(entry: Path) -> str:
    """Return the source of the module `entry`, preceded by the source of every module that it imports.

    anywidget loads one module per widget, and a bundler would have to be installed with npm. The files therefore stay
    ordinary modules, which node and the linter read unchanged. This function replaces each import with the source of the
    imported file. The result has a single scope, so no two files can define the same name.
    """
    sources: dict[Path, str] = {}

    def add(path: Path) -> None:
        if path in sources:
            return
        source = path.read_text(encoding="utf-8")
        sources[path] = ""  # do not follow circular imports forever
        for name in _IMPORT.findall(source):
            add(path.parent / name)
        del sources[path]  # move the module after those that it imports
        sources[path] = _EXPORT.sub("", _IMPORT.sub("", source))

    add(entry)
    return "\n".join(sources.values())
