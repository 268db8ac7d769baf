"""The model for programs that speak HTTP as OpenAI does: on the loopback only, and for whoever holds the token.

`guard` decides who may come in, `completions` what is asked and answered, `listen` holds the socket.
"""
