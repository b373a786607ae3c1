"""Judging contracts: text and counts in, judgement out; no I/O but parsing text."""
