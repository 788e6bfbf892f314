"""What eval harnesses wrote, read as an eval suite of ours and the scores on it.

Pure functions on parsed files, one module for each harness. Reading the files is the command line's.
"""
