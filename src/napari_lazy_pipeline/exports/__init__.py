"""Exports: writes processed volumes to files, on this computer or on a cluster."""
