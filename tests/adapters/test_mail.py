"""E-mail: what the server receives, over TLS whose certificate is verified, and what is said when it is not sent."""

from __future__ import annotations

import asyncio
import base64
import socket
from email.message import EmailMessage
from pathlib import Path

import pytest

from callbridge.adapters.mail import Attachment, Mailer, MailNotSent, MailSettings
from callbridge.adapters.mail.mailer import message
from tests.adapters.smtp_server import certificate, smtp_server
from tests.adapters.waiting import HANGS


def mailer(port: int, **more: str) -> Mailer:
    return Mailer(MailSettings(**({"host": "127.0.0.1", "port": port, "sender": "cb@example.com", "tls": "off"} | more)))  # type: ignore[arg-type]


def part(of: EmailMessage, kind: str) -> str:
    (found,) = [one for one in of.walk() if one.get_content_type() == kind]
    return str(found.get_content())


async def test_a_message_arrives_whole_with_both_forms_and_its_attachment() -> None:
    async with smtp_server() as server:
        csv = Attachment(name="队列.csv", kind="text/csv", content=b"queue,offered\nsupport,7\n")
        text = "Support 支持\n.a line with a dot\n" + "x" * 2000
        await mailer(server.port).send(
            ["ann@a.example", "bob@b.example"], "Report\nBcc: eve@e.example", text, html="<b>Support</b>", attachments=[csv]
        )
    (got,) = server.messages
    assert (got["From"], got["To"]) == ("cb@example.com", "ann@a.example, bob@b.example")
    assert (got["Subject"], got["Bcc"]) == ("Report Bcc: eve@e.example", None)
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Message-ID"].endswith("@example.com>")
    assert part(got, "text/plain").splitlines() == text.splitlines()
    assert part(got, "text/html").strip() == "<b>Support</b>"
    (attached,) = got.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("队列.csv", "queue,offered\nsupport,7\n")


async def test_the_password_goes_out_only_when_the_certificate_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    async with smtp_server(tls=context) as server:
        sender = mailer(server.port, tls="starttls", user="cb", password="geheim")
        with pytest.raises(MailNotSent, match=r"the mail server 127\.0\.0\.1:\d+: .*CERTIFICATE_VERIFY_FAILED.*"):
            await sender.send(["ann@a.example"], "s", "t")
        assert (server.log_ins, server.messages) == ([], [])
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await sender.send(["ann@a.example"], "s", "t")
    assert server.encrypted == [True]
    assert base64.b64decode(server.log_ins[0].split()[-1]) == b"\0cb\0geheim"


async def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for() -> None:
    async with smtp_server() as server:
        with pytest.raises(MailNotSent, match="STARTTLS extension not supported"):
            await mailer(server.port, tls="starttls").send(["ann@a.example"], "s", "t")
    assert server.messages == []


async def test_each_way_not_to_be_sent_is_one_line() -> None:
    async with smtp_server(refuses="eve@") as server:
        with pytest.raises(MailNotSent, match=r"^the mail server 127\.0\.0\.1:\d+ refused eve@e\.example: 550 no such mailbox$"):
            await mailer(server.port).send(["ann@a.example", "eve@e.example"], "s", "t")
        assert len(server.messages) == 1  # Ann has it
        with pytest.raises(MailNotSent, match=r"refused eve@e\.example: 550 no such mailbox$"):
            await mailer(server.port).send(["eve@e.example"], "s", "t")
    async with smtp_server(answer="452 disk full") as server:
        with pytest.raises(MailNotSent, match=r"answered 452 disk full$"):
            await mailer(server.port).send(["ann@a.example"], "s", "t")
    with socket.socket() as bound:  # nobody listens
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(MailNotSent, match=r"Connection refused$"):
            await mailer(bound.getsockname()[1]).send(["ann@a.example"], "s", "t")


async def test_what_smtp_cannot_send_is_one_line_without_the_password() -> None:
    async with smtp_server() as server:
        with pytest.raises(MailNotSent, match=r"user or the password has characters that SMTP cannot send$"):
            await mailer(server.port, user="cb", password="geheimnißvoll").send(["ann@a.example"], "s", "t")


async def test_a_server_that_hangs_holds_up_the_mail_and_not_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.mail.mailer.SERVER_TIMEOUT", 10 * HANGS)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        sending = asyncio.create_task(mailer(silent.getsockname()[1]).send(["ann@a.example"], "s", "t"))
        async with asyncio.timeout(HANGS):  # the loop goes on while the server says nothing
            connection, _ = await asyncio.get_running_loop().sock_accept(silent)
        assert not sending.done()
        connection.close()
        with pytest.raises(MailNotSent, match="closed"):
            await sending


async def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.mail.mailer.SERVER_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailNotSent, match="timed out"):
        await mailer(silent.getsockname()[1]).send(["ann@a.example"], "s", "t")


def test_a_line_break_in_an_address_cannot_begin_a_header() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        message("cb@example.com", ["ann@a.example\r\nBcc: eve@e.example"], "s", "t")
