"""An archive as a hospital exports it, made into a draft of the sheet of series."""
