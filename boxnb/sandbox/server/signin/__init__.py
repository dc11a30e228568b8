"""The authorization page, the token endpoint and the app console.

`authorize` has the sign-in and consent pages; `token_endpoint` issues, refreshes, expires and revokes codes and tokens;
`console` registers an app. Imports `company` and `context`; `app` and `api` may import it.
"""
