"""The hands: a worker process that takes assignments, runs them where they can do no harm, and reports.

Four kinds of process: the supervisor (``main``), Celery's consumer with one *slot* per assignment at a time, one
*nursery* that has imported the heavy libraries, and the *runners* it gives birth to, in which models run.
"""
