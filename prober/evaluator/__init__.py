"""Where runs of all regions are judged and shown."""
