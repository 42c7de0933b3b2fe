"""Engines on devices whose array library follows numpy."""
