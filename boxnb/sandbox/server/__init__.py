"""The practice Box: a server process of its own that imports nothing else of boxnb."""
