"""HTTP without a sign-in. Imports `secret`, `redaction` and earlier; `oauth` and later may import it.

`sessions` sends requests and checks where secrets may go; `waits` reads how long a server asks to wait;
`network_trouble` explains what went wrong.
"""
