"""Calling Box: a signed-in connection, its session, rate limits, ledger and errors. Above `auth`; the datasets and everything above may import it."""
