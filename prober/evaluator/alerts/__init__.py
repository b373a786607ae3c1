"""Alerts: what there is to tell, what was told already, and who is told by which way."""
