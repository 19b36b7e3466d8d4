"""What a result was made from: code, versions, files; whose data a model has seen."""
