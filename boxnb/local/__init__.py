"""Files on this computer: the home folder, private files, and names in any locale. Imports only `errors`; everything may import it."""
