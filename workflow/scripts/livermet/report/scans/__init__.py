"""A room of the report: the list of scans, those to look at first."""
