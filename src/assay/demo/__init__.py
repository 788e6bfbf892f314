"""The demonstration's real work: data, a pretrained base, LoRA fine-tuning, eval suites, the sweep.

Every number is computed here, in numpy on the digits that ship inside scikit-learn; nothing is
downloaded. Needs the `demo` extra. `story` tells the main job with it, act by act: recording, judging
and promoting are the server's work, reached through its clients and commands like anybody else's.
"""
