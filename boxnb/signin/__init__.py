"""Everything between a person and a saved token, and out again; tested without a browser. Above `api`; `box`, widgets, runs and the command line may import it."""
