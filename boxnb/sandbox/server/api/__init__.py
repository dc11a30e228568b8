"""The endpoints of Box's API, one module per resource. Imports `company`, `context` and `signin`; `app` may import it."""
