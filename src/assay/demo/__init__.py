"""The demonstration's real work: data, a pretrained base, LoRA fine-tuning, eval suites, the sweep.

Every number is computed here, in numpy on the digits that ship inside scikit-learn; nothing is
downloaded. Needs the `demo` extra. Recording, judging and promoting what is made here is the
server's work, reached through its clients like anybody else's training.
"""
