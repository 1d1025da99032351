"""The experiment grammar: reading, validating and planning what users write."""
