"""What effects exist: classes that hold ports, one idempotent effect a method."""
