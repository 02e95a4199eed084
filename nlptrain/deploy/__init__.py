"""What goes out of the house: exported taggers, benchmarks, model cards."""
