"""The acts of the demonstration in the order of the main job; each one shows something and checks it.

An act types commands, trains through clients and asks the API whether it is so. What is trained and
how processes live is not in here.
"""
