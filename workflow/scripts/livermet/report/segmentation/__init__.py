"""A room of the report: table 3 and example scans."""
