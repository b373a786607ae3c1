"""Journeys as tests of pytest, in its own process and with its own tools."""
