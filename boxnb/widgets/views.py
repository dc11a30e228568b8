"""The views that notebooks use, in one import: table, tree, explorer and progress. They need the extra ``explore``."""

from boxnb.widgets.explorer import explore
from boxnb.widgets.progress import progress
from boxnb.widgets.table import table
from boxnb.widgets.tree import folders

__all__ = ["explore", "folders", "progress", "table"]
