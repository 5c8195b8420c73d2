"""How the scorer's weights are made: examples written for the purpose, and the script that learns from them."""
