"""The verbs of each noun: thin, and light to import. The work is done by ``managers``."""
