"""The sandbox's server: a separate process that does not import anything else from boxnb.

`run` binds a port and serves until the sandbox is stopped or idle. A sandbox with a temporary folder also stops when
the process that started it ends, even if that process is killed, and then removes the folder. `app` lists all paths,
`middleware` applies faults and writes the record, `control` sets the clock and the faults, and `rate_limits` counts
calls and raises 429. `files` replaces and deletes files. `api` contains the endpoints, `signin` the authorization pages and the tokens, and `company` the
made-up enterprise.
"""
