"""The workbench: one page, on this machine or through a tunnel, for all that a study holds."""
