"""A room of the report: the chosen classifier in other masks of the same lesions."""
