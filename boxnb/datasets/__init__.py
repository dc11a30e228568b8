"""One function per dataset, from users to admin events; each pulls pages and returns a DataFrame.

May import `api` and `frames`; `box`, `reports` and `widgets` may import it.
"""
