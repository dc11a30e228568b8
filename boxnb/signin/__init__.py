"""Sign a user in, save the token pair, and sign the user out.

This layer imports only `reports` and earlier layers; `box` and later layers can import it.

`flow` is the sign-in without a user interface, `account` saves its result, and `messages` contains the messages of the panel.
`terminal` leads the same flow by text: `keyboard` reads what is typed, `screen` writes, `terminal_messages` has its messages.
`status` and `doctor` report on the saved sign-ins, `sign_out` revokes one, and `practice` signs in to the sandbox.
`jupyterhub` decides how the redirect arrives: a receiver catches it, on this computer or behind a hub's proxy, or the user
pastes it.
"""
