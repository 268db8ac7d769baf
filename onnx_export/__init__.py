"""The workshop: checkpoints become graphs, graphs become bundles that the server reads."""

import os

# As in `devstral_ls`: what is exported here, and that it is, is nobody else's business.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
