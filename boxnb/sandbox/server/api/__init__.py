"""The endpoints of Box's API, one module per resource. Imports `company`, `context` and `signin`; `app` may import it.

`routes` lists every path. `call` checks the token, its scopes and whether the user is an admin, and pages the results.
`write_rules` checks every change, and `representations` builds the form in which items are returned.
"""
