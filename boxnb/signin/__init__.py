"""From a user without a token to a saved sign-in, and out again.

Imports `reports` and earlier; `box` and later may import it.

`flow` is the sign-in without a page, `account` saves its result, `messages` contains every sentence; `status` and
`doctor` report on the saved sign-ins; `sign_out` revokes one; `practice` signs in to the sandbox. `jupyterhub` decides
whether a receiver catches the redirect, on this computer or behind a hub's proxy, or the user pastes it.
"""
