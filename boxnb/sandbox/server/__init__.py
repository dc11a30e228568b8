"""The sandbox's server: a separate process that does not import anything else from boxnb."""
