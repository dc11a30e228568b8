"""Files on this computer. This package imports only `errors`; `transport` and the layers after it may import it.

`home_folder` finds the folder of boxnb's files, and `private_files` reads and writes them. `replaced_file` replaces any file
by a complete one. `encoding` converts names to text in any locale. `output` writes to the terminal or into a pipe.
`device_names` lists the names that Windows reserves. `similar` finds the name that somebody may have meant.
"""
