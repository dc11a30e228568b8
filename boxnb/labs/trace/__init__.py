"""Record requests and responses with secrets redacted, and draw them as a diagram. Only ``boxnb.labs`` imports this."""
