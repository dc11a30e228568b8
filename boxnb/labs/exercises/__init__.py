"""The labs' exercises, grouped by subject. Next to each is the evidence that it needs: the calls in the sandbox's record. Only ``boxnb.labs.catalogue`` imports them."""
