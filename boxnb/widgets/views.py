"""The views of the notebooks in one import: table, tree, explorer and progress. Needs the extra ``explore``."""

from boxnb.widgets.explorer import explore
from boxnb.widgets.progress import progress
from boxnb.widgets.table import table
from boxnb.widgets.tree import folders

__all__ = ["explore", "folders", "progress", "table"]
