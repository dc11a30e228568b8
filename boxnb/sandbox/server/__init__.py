"""The sandbox's server: a process of its own that imports nothing else from boxnb."""
