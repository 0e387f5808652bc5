"""The queue of mails in the admin: whom they went to and whether they arrived, never what they say."""

import post_office.admin  # noqa: F401 (registers its own pages, which show whole mails)
from django.contrib import admin
from post_office.models import Attachment, Email, EmailTemplate, Log

admin.site.unregister([Email, Log, EmailTemplate, Attachment])
