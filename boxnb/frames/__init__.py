"""JSON in, one tidy DataFrame out: schemas, decoding, tables and what a cell may hold. Above `errors`; the datasets and everything above may import it."""

from .table import BATCH, Table, children, frame

__all__ = ["BATCH", "Table", "children", "frame"]
