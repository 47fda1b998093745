"""Holds what is new against what was there before, and what is trained on against what is served."""
