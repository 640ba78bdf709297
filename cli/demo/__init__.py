"""The main job on real input, told in front of the user."""
