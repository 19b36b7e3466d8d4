"""Radiomics: PyRadiomics features of lesions, a row a lesion, a scan and a cohort."""
