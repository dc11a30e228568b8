"""Harvests: long pulls that are saved as they go, continue after anything, and remember earlier states.

This layer imports `export` and earlier ones; `reports` and later ones may import it.

`box.harvest("events", since="365D")` returns a `Harvest` (in `saved`), which `run()` starts or continues. Read the modules in
this order: `kinds`, `events` and `content` say what each dataset fetches; `units` fetches pages; `driver` runs units and saves
them; `manifest` and `parts` are the files; `settle` compares a round with the one before; `reading` reads. `lock` lets one
process write, `workers` lets units run in other processes, `card` shows a harvest, and `failures` says what went wrong.
"""

from .saved import Harvest, harvest

__all__ = ["Harvest", "harvest"]
