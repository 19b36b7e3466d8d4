"""Models that leave the run that made them: packed as a folder, opened and judged elsewhere."""
