"""The configuration: every key with its type, default and reason; files laid over each other."""
