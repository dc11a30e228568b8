"""Recognize a Python environment that a tool may delete: that of ``uvx``, ``uv run --with`` or ``pipx run``.

Seen with uv 0.13.9 and pipx 1.18.4 on Linux; *not run* on macOS and Windows. ``uvx`` keeps the environment in
``archive-v0`` of uv's cache, and ``uv run --with`` in ``builds-v0``; ``uv cache clean`` deletes both, and with
``--no-cache`` the cache itself lasts only as long as the command (uv's documentation, *Tools* and *Caching*). ``pipx run``
keeps it in pipx's cache for up to 14 days. Both caches contain the file ``CACHEDIR.TAG`` (Cache Directory Tagging
Specification), as some virtual environments do, so only the folders above the environment count. ``uv tool install`` and
``pipx install`` use folders without that file above them.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"


def why_temporary(prefix: Path | None = None) -> str | None:
    """
    Return one message if this Python environment may be deleted at any time; otherwise ``None``.

    Parameters
    ----------
    prefix : Path, optional
        The folder of the environment; by default ``sys.prefix``.

    Returns
    -------
    str or None
        What the environment is, why a schedule must not use it, and how to install boxnb for good.
    """
    prefix = Path(sys.prefix) if prefix is None else prefix
    if not _is_temporary(prefix):
        return None
    command = install_command(prefix)
    tool = {"pipx": "pipx", "uv": "uv"}.get(command.split()[0], "a tool")
    return (
        f"This Python cannot be scheduled, because it is temporary: {tool} may delete {prefix} at any time. "
        f"Install boxnb for good: {command} '{requirement()}'. Then run this command again."
    )


def how_to_install(verb: str, extra: str, reason: str) -> str:
    """Return the message for a verb that needs a package which this Python cannot import, for the reason that Python gives."""
    return f"boxnb {verb} needs a package that cannot be imported ({reason}). Install it with: {install_here(extra)}"


def install_here(extra: str) -> str:
    """Return the command that adds an extra of boxnb to this Python; another one may be called "python" on the PATH."""
    command = install_command()
    if command == "python -m pip install":
        command = f"{shlex.quote(sys.executable)} -m pip install"
    return f"{command} '{requirement(extra)}'"


def install_command(prefix: Path | None = None) -> str:
    """Return the command that installs a package for good, with the tool that made this Python environment."""
    prefix = Path(sys.prefix) if prefix is None else prefix
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx install --force"  # without --force, pipx leaves an installed boxnb as it is
    if not _made_by_uv(prefix):
        return "python -m pip install"
    is_tool = _is_temporary(prefix) or (prefix / "uv-receipt.toml").is_file()
    return "uv tool install" if is_tool else "uv pip install"


def _is_temporary(prefix: Path) -> bool:
    # Older versions of pipx did not tag their cache. Installed applications are in a folder called "venvs".
    from_pipx = (prefix / "pipx_metadata.json").is_file()
    return any(map(_is_cache, prefix.parents)) or (from_pipx and prefix.parent.name != "venvs")


def _is_cache(folder: Path) -> bool:
    try:
        with (folder / "CACHEDIR.TAG").open("rb") as file:
            return file.read(len(_TAG)) == _TAG
    except OSError:
        return False


def _made_by_uv(prefix: Path) -> bool:
    with contextlib.suppress(OSError):
        settings = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
        return any(line.partition("=")[0].strip() == "uv" for line in settings.splitlines())
    return False


def requirement(extra: str = "lab") -> str:
    """Return the requirement that installs the same boxnb: its name, and where it came from unless that is an index."""
    name = f"boxnb[{extra}]"
    try:
        text = metadata.distribution("boxnb").read_text("direct_url.json")
        origin: dict[str, Any] = json.loads(text or "{}")
        version_control = origin.get("vcs_info", {})
        address = "+".join(filter(None, [version_control.get("vcs"), origin.get("url")]))
        revision = version_control.get("requested_revision")
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return name
    return f"{name} @ {address}{f'@{revision}' if revision else ''}" if address else name
