"""One function per dataset, from people to admin events: pages of JSON in, a DataFrame out. Above `api` and `frames`; `box`, reports and widgets may import it."""
