"""How many units, how long, how small an effect: before an experiment runs."""
