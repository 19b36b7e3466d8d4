"""A room of the report: every procedure that could have been chosen as well."""
