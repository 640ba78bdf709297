"""One request closes many: entities of one period side by side, or the periods of one in their order."""
