"""E-mail: one message at a time to the site's SMTP server."""

from callbridge.adapters.mail.mailer import Attachment, Mailer, MailNotSent, MailSettings, Tls

__all__ = ["Attachment", "MailNotSent", "MailSettings", "Mailer", "Tls"]
