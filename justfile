# The recipes call `cargo xtask`, which needs no `just`.

# Serves the chat example.
chat *ARGUMENTS:
    cargo xtask chat {{ARGUMENTS}}

# Builds the example handlers.
guests:
    cargo xtask guests

# Runs every check and test.
test:
    cargo xtask test

# Writes the reference of the settings anew.
docs:
    cargo xtask docs

# Makes what is released.
dist:
    cargo xtask dist
