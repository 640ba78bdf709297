"""What goes over the wire, field by field: nothing is read that is not named here, and nothing more is shown."""
