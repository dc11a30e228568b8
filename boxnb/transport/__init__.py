"""HTTP without a sign-in. This package imports `secret`, `redaction` and the layers before them.

`sessions` sends requests and checks which hosts may receive secrets; `waits` reads how long a server asks boxnb to wait;
`network_trouble` explains what went wrong. `oauth` and the layers after it may import this package.
"""
