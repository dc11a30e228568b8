"""The endpoints of Box's API, one module a resource. Above `company` and `context`; `app` may import it."""
