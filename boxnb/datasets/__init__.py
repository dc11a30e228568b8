"""One function per dataset, from users to admin events.

Imports `frames` and earlier; `transfer` and later may import it.

`people`, `content`, `sharing` and `event_log` have the functions that `Box` offers; `listing` pulls any other endpoint.
Each pulls pages (`pull`, `pull_by_id`, `paging`) and returns a DataFrame. `estimate` predicts the cost of a pull.
"""
