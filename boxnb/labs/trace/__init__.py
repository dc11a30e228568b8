"""What a sign-in sent and received, recorded, redacted and drawn. The labs may import it."""
