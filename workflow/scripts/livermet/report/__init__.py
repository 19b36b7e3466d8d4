"""The report stage: tables and figures of a run, and the one page that shows them."""
