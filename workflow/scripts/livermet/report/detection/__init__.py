"""A room of the report: lesions that models find, miss and invent."""
