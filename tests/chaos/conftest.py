"""Chaos happens to the real processes of the end-to-end tests."""

from tests.e2e.conftest import liar, place

__all__ = ["liar", "place"]
