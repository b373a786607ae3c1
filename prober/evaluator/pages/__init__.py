"""Pages for people: what is gathered for each, and how it is drawn."""
