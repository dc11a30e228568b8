"""The authorization page, the token endpoint and the app console.

Imports `company` and `context`; `app` and `api` may import it.
"""
