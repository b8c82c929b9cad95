"""From a notebook file to a Program: read, understood, checked and frozen."""
