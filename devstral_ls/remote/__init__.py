"""A bigger model elsewhere: text out, text in, and only with consent. Off unless its user chose a server.

`choice` is where the server stands, `consent` which folders may be sent from, `sent` the bytes that left,
`messages` what is said, `transport` the one module with a network client, `deliver` all of these in order,
and `courier` the same in a process of its own, so that the language server itself stays without a network.
"""

CHOICE = "remote.json"  # the file that names the server, in the user's data folder
