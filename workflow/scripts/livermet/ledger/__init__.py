"""The ledger: who is where (folds, test set, batches, training sets), sealed, and only added to."""
