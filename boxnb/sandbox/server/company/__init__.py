"""The practice company: users, content, permissions and a year of events. Every part of the server may import it."""
