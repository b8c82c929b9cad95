"""What runs inside a replica: executes the frozen notebook and tells the log about it, record by record."""
