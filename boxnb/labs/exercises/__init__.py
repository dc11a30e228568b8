"""The exercises of the labs, by subject. `catalogue` may import them."""
