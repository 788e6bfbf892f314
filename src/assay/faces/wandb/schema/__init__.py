"""The schema of the W&B face: SDL files, one for each domain, read as one document.

A file adds its root fields with `extend type Query` and `extend type Mutation`. No resolver lives here.
"""
