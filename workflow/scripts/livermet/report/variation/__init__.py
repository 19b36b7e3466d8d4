"""A room of the report: lesions of a scan and studies of a patient, described."""
