"""What a dbt run cost, and for which experiments."""
