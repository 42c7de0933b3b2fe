"""Cudadecon."""
