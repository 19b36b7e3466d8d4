"""From CT and a table of molecular results to lesions, radiomics and a phenotype classifier."""
