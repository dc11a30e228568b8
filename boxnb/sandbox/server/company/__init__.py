"""The practice company: people, content, permissions and a year of events. Everything in the server may import it."""
