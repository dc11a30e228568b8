"""The authorization page, the token endpoint and the app console.

`authorize` serves the sign-in and consent pages; `token_endpoint` exchanges codes for tokens, and refreshes and revokes
tokens; `console` registers an app. Imports `company` and `context`; `app` and `api` may import it.
"""
