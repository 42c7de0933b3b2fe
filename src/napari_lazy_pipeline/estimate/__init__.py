"""Estimates: parameters of steps, found in the data."""
