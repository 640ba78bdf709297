"""Closed periods are opened again for a while, with the yes of others, and certified anew."""
