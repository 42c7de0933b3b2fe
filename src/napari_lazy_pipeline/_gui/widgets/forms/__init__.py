"""Forms: magicgui containers made from models."""
