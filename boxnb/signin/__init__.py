"""The sign-in: from a user without a token to a saved sign-in, and out again. Tested without a browser. Above `api`; `box`, widgets, runs and the command line may import it."""
