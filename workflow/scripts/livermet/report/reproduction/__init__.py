"""A room of the report: the article's printed numbers beside the run's."""
