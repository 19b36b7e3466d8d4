"""Whether the method holds: repeats, permutations, null cohorts, single corrections, failures."""
