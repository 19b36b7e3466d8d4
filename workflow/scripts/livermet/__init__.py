"""From CT and a table of molecular results to segmented lesions, radiomics and a phenotype classifier."""
