"""The CPU engine: its loops and its FFT."""
