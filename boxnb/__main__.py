"""Run ``python -m boxnb``, which is the same as the command ``boxnb``. See :mod:`boxnb.cli`."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
