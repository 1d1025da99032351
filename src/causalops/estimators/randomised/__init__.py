"""Randomised designs."""
