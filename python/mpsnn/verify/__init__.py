"""`python -m mpsnn.verify`: compares a backend with the reference on this machine, and reports."""
