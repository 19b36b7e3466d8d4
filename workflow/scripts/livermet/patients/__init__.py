"""New patients, judged by a model that is there: what their scans hold, and a page for each study."""
