"""Call Box as the user who signed in.

This layer imports `auth` and earlier ones; `frames` and later ones may import it.

`connection` defines the base class of `Box`, which every dataset takes. `session` sends a call to Box. `retrying`
decides for every session whether to send a call again, and announces waits. `rate_limit` makes calls wait before a limit is reached and after a 429. `ledger` counts the calls of each month.
`failures` turns an error response into an exception. `ids` and `arguments` check what a caller passes.
"""
