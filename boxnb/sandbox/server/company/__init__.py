"""The practice company: users, content, permissions and a year of events. Every part of the server may import it.

`company` reads the CSV files. `people` holds the users and groups, and `tree` the items; `permissions` decides who can see
them. `governance` holds policies, metadata and other objects that are only read. `past_year` generates the events before the
first start, and `event_log` adds the events after it. `state` saves all changes. `clock` is the sandbox clock, and `times`
reads and formats times.
"""
