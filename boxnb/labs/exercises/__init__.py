"""The exercises of the labs, by subject. Only ``boxnb.labs.catalogue`` imports them."""
