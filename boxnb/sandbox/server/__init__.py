"""The sandbox's server: a separate process that does not import anything else from boxnb.

`run` binds, serves and stops: when idle, or when the process that started it ends, even by a kill. It then removes a
private sandbox's folder. `app` has all paths, `middleware` applies faults and writes the record, `control` sets clock and
faults, `rate_limits` refuses with 429. `api` has the endpoints, `signin` the authorization pages and the tokens, and
`company` the made-up enterprise.
"""
