"""What is known of a model version, in the documents that other tools read.

Pure functions from `facts.Facts` to text, one module for each form. Every document carries the
fingerprint, the manifest's digest and the ids of the verdicts.
"""
