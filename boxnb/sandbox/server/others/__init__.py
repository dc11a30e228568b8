"""Practice servers other than Box: a device manager like Jamf Pro, one like Workspace ONE UEM, and a server with a key.

Each module has the routes of one server; `accounts` has what they share: passwords, lockout, clients, tokens. Lifetimes use the
sandbox's clock, and faults apply as they do to Box's paths. Only `app` and `control` import this folder.
"""
