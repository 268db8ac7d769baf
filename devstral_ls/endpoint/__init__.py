"""The model for programs that speak HTTP as OpenAI does: on the loopback only, and for whoever holds the token.

`guard` decides who may come in, `asked` reads what is wanted, `answers` writes what came of it, `listen` holds the
socket.
"""
