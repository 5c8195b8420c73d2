"""One policy decision over 60 rules in 12 modules: generated Python beside rego-cpp, on the same inputs."""
