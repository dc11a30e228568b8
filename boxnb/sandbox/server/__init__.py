"""The practice Box: one process that speaks HTTP on loopback. Imports nothing from the rest of boxnb."""
