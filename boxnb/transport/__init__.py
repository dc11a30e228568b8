"""HTTP without a sign-in: sessions, waits, and messages for network errors. Above `secret` and `redaction`; everything that calls a server may import it."""
