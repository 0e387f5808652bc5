"""Settings of the portal's benchmark: the project's own, with bare views beside its addresses.

With BENCH_BARE the bare views stand in a project of nothing else: no middleware, no app.
"""

import os

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.site_urls"
ALLOWED_HOSTS = ["bench"]
SECURE_SSL_REDIRECT = False
TRUSTED_PROXIES = 1
if "BENCH_BARE" in os.environ:
    MIDDLEWARE = []
