"""The schema, one step at a time; a file's prefix says whether it runs before or after the code is deployed."""
