"""One decision about many parked commands: frozen, put to others where it is large, carried out and watched."""
