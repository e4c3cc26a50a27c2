"""The measurements. Each has ``run(lab)``, which measures and gives the rows of the table."""
