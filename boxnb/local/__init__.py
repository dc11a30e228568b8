"""Files on this computer. Imports `errors` only; `transport` and later may import it.

`home_folder` is where boxnb's files are, `private_files` writes them, `encoding` makes text of names in any locale.
"""
