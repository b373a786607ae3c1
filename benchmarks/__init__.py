"""Ratios against raw Playwright and its peers, for anybody to repeat: `make bench`."""
