"""The practice company: users, content, permissions and a year of events. Every part of the server may import it.

`company` reads the CSV files; `people`, `tree` and `permissions` hold who and what there is, and who may see it; `past_year`
generates the events before the first start, and `event_log` adds those after it; `state` saves what changes; `clock` and
`times` tell the time.
"""
