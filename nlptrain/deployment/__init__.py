"""Exported taggers, benchmarks and model cards."""
