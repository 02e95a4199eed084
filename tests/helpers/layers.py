"""The layers of docs/concepts/architecture.md, for the tests of imports and calls."""

# From top to bottom; modules on one line are on the same layer.
LAYERS = (
    ("__main__",),
    ("cli", "api", "plugins"),
    ("procedures",),
    ("demo",),
    ("deployment",),
    ("analysis",),
    ("distillation",),
    ("training",),
    ("models",),
    ("data",),
    ("run",),
    ("config",),
    ("atomic_files",),
    ("interrupts",),
    ("lazy_imports",),
    ("errors",),
    ("urls",),
)
DEPTH = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
