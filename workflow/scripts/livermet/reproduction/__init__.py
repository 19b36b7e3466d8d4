"""The article's printed numbers beside those of the run."""
