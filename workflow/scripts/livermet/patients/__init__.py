"""New patients, judged by a packed model: what their scans hold, and a page for each study."""
