"""A room of the report: from the published to the corrected procedure, step by step."""
