"""A room of the report: what is selected, how reproducible it is, and the sample size."""
