"""The labs' exercises, grouped by subject. Only ``boxnb.labs.catalogue`` imports them."""
