"""Harvests: long pulls that are saved as they go, resume after any interruption, and remember earlier states.

This layer imports `export` and earlier ones; `reports` and later ones may import it.

`box.harvest("events", since="365D")` returns a `Harvest` (in `saved`; `opening` finds it), which `run()` starts or continues. Read the
modules in this order: `kinds`, `events`, `content` and `derived` say what each dataset fetches, and `catalogue` lists them;
`units` fetches pages; `driver` runs units and saves them, within what `budget` allows; `manifest` (created and opened by `manifest_file`) and `parts` are
the files; `rounds` begins and ends a run or an update, and `settle` compares it with the one before; `reading` reads. `lock`
lets one process write, `workers` lets units run in other processes, `card` shows a harvest, `care` looks after its files, and
`failures` has the messages for what goes wrong.
"""

from .opening import harvest
from .saved import Harvest

__all__ = ["Harvest", "harvest"]
