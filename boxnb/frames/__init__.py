"""From JSON to one tidy DataFrame: schemas, decoding, tables and cells.

May import `errors`; `datasets` and all folders above may import it.
"""

from .table import BATCH, Table, children, frame

__all__ = ["BATCH", "Table", "children", "frame"]
