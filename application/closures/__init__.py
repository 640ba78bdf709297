"""The close of a period: asked for, frozen, worked off, checked, approved and certified, or taken back whole."""
