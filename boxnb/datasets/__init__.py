"""One function per dataset, from users to admin events.

This layer imports `frames` and earlier ones; `transfer` and later ones may import it.

`people`, `content`, `sharing` and `event_log` define the functions that `Box` offers; `listing` pulls any other endpoint.
`console` reads the CSV reports of the Admin Console: `console_files` joins their pages, `console_table` knows their columns (the
table is `console_columns.csv`), and `console_cells` gives these their types.
Each function pulls pages (`paging`, `pull_by_id`) and returns a DataFrame. `pull` decides whether it is complete, and warns. `estimate` predicts the cost of a pull.
"""
