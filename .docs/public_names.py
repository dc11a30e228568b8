"""The public names of boxnb, by module. The API reference documents these and no others."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

MODULES: dict[str, tuple[str, ...] | None] = {
    "boxnb": None,
    "boxnb.reports": None,
    "boxnb.frames": None,
    "boxnb.export": None,
    "boxnb.harvest": None,
    "boxnb.transfer": None,
    "boxnb.transfer.names": ("refused_by_box", "safe"),
    "boxnb.widgets": None,
    "boxnb.widgets.views": None,
    "boxnb.widgets.charts": (
        *("Chart", "ages", "counts", "domains", "events_per_day"),
        *("sign_in_heatmap", "storage", "treemap"),
    ),
    "boxnb.runs": None,
    "boxnb.auth": ("RotatingAuth",),
    "boxnb.store": None,
    "boxnb.oauth": None,
    "boxnb.basic": ("connect", "path", "save"),
    "boxnb.servers": None,
    "boxnb.sdk": ("ProfileStorage", "oauth_config", "token_storage"),
    "boxnb.real_box.contract": ("Contract",),
    "boxnb.errors": (),
    "boxnb.sandbox": None,
    "boxnb.sandbox.mail": ("Mail", "Mailbox", "start"),
    "boxnb.sandbox.devices": ("Devices", "start"),
    "boxnb.sandbox.older": ("script",),
    "boxnb.labs": None,
}
"""Each module's public names; ``None`` means its ``__all__``, and ``()`` all classes that it defines."""

COLUMNS = (
    *("boxnb.frames.schema", "boxnb.datasets.sharing", "boxnb.signin.status"),
    *("boxnb.reports.people", "boxnb.reports.enterprise", "boxnb.reports.sharing"),
    *("boxnb.reports.storage", "boxnb.reports.activity", "boxnb.reports.permissions"),
)
"""Modules with constants that name the columns of a table; docstrings refer to them."""

KINDS = {
    "text": "str",
    "time": "datetime64[us, UTC]",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "category": "category",
    "json": "str (JSON)",
}

INHERITED = ("boxnb.Box",)
"""Classes whose inherited methods belong in the reference."""


def names(module: str) -> list[str]:
    """Return the public names of a module, without the modules among them, which have pages of their own."""
    content = importlib.import_module(module)
    listed = MODULES[module]
    if listed is None:
        listed = tuple(content.__all__)
    elif listed == ():
        listed = tuple(
            name
            for name, value in vars(content).items()
            if isinstance(value, type) and value.__module__ == module and not name.startswith("_")
        )
    return [name for name in listed if not isinstance(getattr(content, name), ModuleType)]


def homes() -> dict[str, str]:
    """Return the dotted name under which each public object is documented, by every public dotted name that it has.

    An object with several public names, such as ``boxnb.Client`` and ``boxnb.oauth.Client``, is documented once: with the
    module that defines it, or else under its first name.
    """
    by_name = {
        f"{module}.{name}": getattr(importlib.import_module(module), name)
        for module in MODULES
        for name in names(module)
    }
    home_of: dict[int, str] = {}
    for full_name, value in by_name.items():
        if _is_shared(value):
            defined_in = f"{value.__module__}."
            current = home_of.get(id(value))
            better = current is None or (
                defined_in.startswith(full_name.rpartition(".")[0] + ".")
                and len(full_name) > len(current)
                and full_name.count(".") > 1
            )
            if better:
                home_of[id(value)] = full_name
    return {
        full_name: home_of[id(value)] if _is_shared(value) else full_name
        for full_name, value in by_name.items()
    }


def columns() -> dict[str, dict[str, str]]:
    """Return the dtype of each column of each table, by the dotted name of the constant that lists them."""
    shape = importlib.import_module("boxnb.reports.shape")
    tables: dict[str, dict[str, str]] = {}
    for module in COLUMNS:
        for name, value in vars(importlib.import_module(module)).items():
            full_name = f"{module}.{name}"
            if not name.isupper() or value is getattr(shape, name, None):
                continue  # the inputs of a report, which are the columns of a dataset
            if module == "boxnb.frames.schema" and isinstance(value, tuple):
                tables[full_name] = {
                    column.name: KINDS[column.kind] for column in value if column.kind != "skip"
                }
            elif module == "boxnb.frames.schema" and isinstance(value, dict):
                tables[full_name] = {
                    f"{field}: {column.name}": KINDS[column.kind]
                    for field, fields in value.items()
                    for column in fields
                }
            elif name == "LINK_COLUMNS":
                dtypes = tables["boxnb.frames.schema.ITEMS"]
                tables[full_name] = {column: dtypes.get(column, "str") for column in value}
            elif name == "STATUS_COLUMNS":
                tables[full_name] = dict(value)
            elif module.startswith("boxnb.reports.") and _is_table(value):
                tables[full_name] = {column: KINDS[kind] for column, kind in value.items()}
    return tables


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(kind in KINDS for kind in value.values())


def _is_shared(value: Any) -> bool:
    """Return whether the identity of an object says what it is; equal numbers and strings may be the same object."""
    return hasattr(value, "__module__") and hasattr(value, "__qualname__")
