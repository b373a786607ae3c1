"""Judging a contract: counts in, judgement out, and what stands beside it."""
