"""A room of the report: the classifiers on predicted and on reference masks."""
