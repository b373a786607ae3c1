"""A small shop with switchable faults, and the demo that runs everything against it."""
