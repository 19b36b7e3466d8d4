"""A room of the report: both protocols on cohorts without any signal."""
