"""Estimators on sufficient statistics, one module per design."""
