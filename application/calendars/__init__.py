"""Legal entities, their fiscal calendars, and the years that these make."""
