"""What a run did, item by item: one small function a fact, from the run's settings and tables.

A function takes the run's `livermet.report.run.Run` and gives `Evidence`. The checklists name it as
'module.function' (checklists.yaml); several items may name the same one. A function never claims
what the run's own settings or tables do not show.
"""
