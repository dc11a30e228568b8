"""Calling Box as the user who is signed in. Imports `auth` and earlier; `datasets` and later may import it.

`connection` is what every dataset takes, and the base class of `Box`; `session` sends a call and decides whether to retry
it; `rate_limit` makes calls wait, before a limit is reached and after a 429; `ledger` counts the calls of a month; `failures` turns a refusal into an
exception; `ids` and `arguments` check what a caller passes.
"""
