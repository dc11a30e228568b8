"""Run `python -m boxnb run NOTEBOOK` and `python -m boxnb schedule NOTEBOOK`. See :mod:`boxnb.cli`."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
