"""Where and how boxnb keeps files on this computer: the home folder, private files, text in any locale. Imports errors only; everything may import it."""
