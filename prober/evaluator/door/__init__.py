"""The door: who may ask what, how often and how much."""
