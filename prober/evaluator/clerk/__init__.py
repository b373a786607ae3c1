"""Who takes records in and writes the journal, in a process of its own."""
