"""Journal rows out as OTLP, and back."""
