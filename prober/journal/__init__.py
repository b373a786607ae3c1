"""The only truth: one row per run, one state per slot, in SQLite."""
