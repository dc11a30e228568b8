"""The endpoints of Box's API, one module per resource. Above `company` and `context`; `app` may import it."""
