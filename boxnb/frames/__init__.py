"""Turn JSON into one tidy DataFrame.

This layer imports `api` and earlier ones; `datasets` and later ones may import it.

`schema` lists the columns of every dataset; `decode` and `pages` read JSON; `table` builds the DataFrame; `cells`
converts its values for files and views, and keeps text from running as a formula in a spreadsheet.
"""

from .table import BATCH, Table, children, frame

__all__ = ["BATCH", "Table", "children", "frame"]
