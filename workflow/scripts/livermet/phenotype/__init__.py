"""From a table of radiomic features to classifiers of the phenotype and what they are worth."""
