"""Remote modules, the fences that are put up for them, and who settles these."""
