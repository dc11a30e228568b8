"""Calling Box: one signed-in connection, its session, limits, ledger and the errors of its answers. Above `auth`; the datasets and everything above may import it."""
