"""Eight small AI apps in one process, for looking at and for breaking on purpose."""
