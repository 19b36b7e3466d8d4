"""From CT and a table of molecular results to lesions, radiomics and a phenotype classifier."""

# The one place of the version: pyproject.toml and `livermet --version` read it here.
__version__ = "0.1.0"
