"""Estimators for experiments that nobody randomised, one module per design."""
