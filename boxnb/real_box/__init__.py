"""Compare the real Box with what boxnb expects of it, in at most 60 calls, and write one page without personal data.

`contract` runs the comparison, and `boxnb.cli` and `boxnb.contract` call it. `plan` lists the reads, `caller` makes them, and
`refresh` refreshes the token pair once. `description` validates against Box's own description, `shapes` compares with the
sandbox, `columns` with boxnb's datasets, and `rules` checks paging, order, headers and errors. `page` writes the page.
"""
