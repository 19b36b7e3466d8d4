"""Which samples belong to which scans, who is left out, and what later tables say of each scan."""
