"""Turn JSON into one tidy DataFrame.

This layer imports `api` and earlier ones; `datasets` and later ones may import it.

`schema` lists the columns of every dataset. `pages` reads the paging fields of a response; `decode` makes its rows, and
decides what becomes of an entry that does not fit. `table` builds the DataFrame and its dtypes. `requirements` checks a
DataFrame that a caller passes. `cells` converts values for files and views, and keeps text from running as a formula in a
spreadsheet.
"""

from .table import BATCH, Table, children, frame

__all__ = ["BATCH", "Table", "children", "frame"]
