"""causalops: experimentation and causal inference in the warehouse, with dbt."""

__version__ = "0.1.0"
