"""What `evaluate` does: how good a model is, as records, tables and cards."""
