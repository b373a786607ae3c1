"""In a region: schedule, run, journal, ship."""
