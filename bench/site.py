"""Settings of the portal's benchmark: the project's own, with views to compare with beside its addresses.

With BENCH_BARE these views stand in a project without middleware.
"""

import os

from config import settings as project

vars().update({name: value for name, value in vars(project).items() if name.isupper()})
ROOT_URLCONF = "bench.site_urls"
ALLOWED_HOSTS = ["bench"]
SECURE_SSL_REDIRECT = False
TRUSTED_PROXIES = 1
if "BENCH_BARE" in os.environ:
    MIDDLEWARE: list[str] = []
