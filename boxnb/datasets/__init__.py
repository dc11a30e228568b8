"""One function per dataset, from users to admin events.

This layer imports `frames` and earlier ones; `transfer` and later ones may import it.

`people`, `content`, `sharing` and `event_log` define the functions that `Box` offers; `listing` pulls any other endpoint.
Each function pulls pages (`paging`, `pull_by_id`) and returns a DataFrame. `pull` decides whether it is complete, and warns. `estimate` predicts the cost of a pull.
"""
