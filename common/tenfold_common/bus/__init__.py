"""The bus: Celery messages as doorbells, leases and news in Redis; whatever must be one step is one server script."""
