"""Networks of units that influence one another."""
