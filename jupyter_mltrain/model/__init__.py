"""The nouns: what a job is asked to be (spec), what it is (job), what a check noticed (findings)."""
