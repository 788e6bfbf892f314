"""The REST dialect that an unmodified MLflow client speaks, oddities and error codes included.

MLflow's words, id forms and statuses stay inside this package.
"""
