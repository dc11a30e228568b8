"""HTTP without a sign-in: sessions, waits, and network trouble as one sentence. Above `secret` and `redaction`; everything that calls a server may import it."""
