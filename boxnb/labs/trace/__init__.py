"""The trace: requests and responses, recorded with secrets redacted, and drawn as a diagram. Only the labs import it."""
