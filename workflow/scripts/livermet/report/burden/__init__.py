"""A room of the report: tumour burden and the molecular score."""
