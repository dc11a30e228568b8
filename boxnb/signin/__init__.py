"""From a user without a token to a saved sign-in, and out again.

Imports `reports` and earlier; `box` and later may import it.

`flow` is the sign-in without a page, `account` saves what it ends with, `messages` has every sentence; `status` and
`doctor` say how the saved sign-ins are; `sign_out` revokes one; `practice` signs in to the sandbox; `jupyterhub`
finds the redirect URI on a hub.
"""
