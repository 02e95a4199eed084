"""URLs are recognized, and shown without their credentials."""

from __future__ import annotations

import pytest

from nlptrain.errors import InputError, Problem, check_local
from nlptrain.urls import hide_credentials, is_url, redact, split_credentials, url_with_credentials


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/a.conll", True),
        ("HTTPS://host/a", True),
        ("runs/s3:/a", False),
        ("C://data/a.conll", False),
        ("hub:ours/news:train", False),
        ("-", False),
    ],
)
def test_urls_are_recognized(path: str, expected: bool) -> None:
    assert is_url(path) is expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:engine1843@host:8080/a.conll", "https://host:8080/a.conll"),
        ("https://ghp_0123456789@host/a.conll", "https://host/a.conll"),
        ("s3://AKIA0001:ab/cd+ef==@bucket/a*.conll", "s3://bucket/a*.conll"),
        ("s3://AKIA0001:12/34@bucket/a.conll", "s3://bucket/a.conll"),
        ("sftp://ada:engine1843@host/a.conll", "sftp://host/a.conll"),
        ("https://host/a?part=2&token=abc", "https://host/a?part=2"),
        ("https://host/a?X-Amz-Signature=0a1b&X-Amz-Credential=AKIA%2F2026&X-Amz-Expires=60", "https://host/a"),
        ("https://host/a?sv=2024-11-04&sr=b&sp=r&sig=0a1b%3D&x=1", "https://host/a?x=1"),
        ("https://host/a?AWSAccessKeyId=AKIA&Signature=x%3D&Expires=17", "https://host/a"),
        ("https://host/a?api_key=abc&apikey=abc&access_token=abc#abc", "https://host/a"),
        # A random value may name the file: two of them stay two URLs.
        ("https://host/a?id=0123456789abcdefghijklm", "https://host/a?id=sha256-575f311251"),
        ("https://user:secret", "https://***"),
        # No credentials.
        ("https://host:8080/a@b.conll", "https://host:8080/a@b.conll"),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
        ("https://host?time=12:30", "https://host?time=12:30"),
        ("s3://bucket/a?.conll", "s3://bucket/a?.conll"),
        ("s3://bucket/a:b@c.conll", "s3://bucket/a:b@c.conll"),
        ("hf://datasets/ours/news@main/a.conll", "hf://datasets/ours/news@main/a.conll"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("data/a.conll", "data/a.conll"),
    ],
)
def test_credentials_are_not_shown_but_known_for_reading(url: str, shown: str) -> None:
    assert hide_credentials(url) == shown
    assert hide_credentials(shown) == shown
    assert url_with_credentials(shown) == url


def test_user_password_and_query_of_a_url() -> None:
    credentials = split_credentials("https://ada:eng%2Fine@host/a?part=2&token=abc")
    assert (credentials.user, credentials.password, credentials.query) == ("ada", "eng/ine", ("abc",))
    assert credentials.address == "https://host/a?part=2&token=abc"


def test_texts_lose_the_credentials_of_urls_and_the_secrets_of_those_that_were_given() -> None:
    text = "cannot read (https://ada:engine1843@host/a?sig=0a1b); 'engine1843' was refused."
    assert redact(text) == "cannot read (https://host/a); 'engine1843' was refused."
    hide_credentials("https://ada:engine1843@host/a")
    assert redact(text) == "cannot read (https://host/a); '***' was refused."
    assert redact("no URL") == "no URL"


def test_errors_show_no_credentials() -> None:
    problem = Problem("found https://ada:engine1843@host/a", location="https://host/b?token=abc", hint="s3://K:S@b/c")
    assert problem.render() == "https://host/b: found https://host/a; s3://b/c"
    assert problem.to_json() == {
        "found": ["found https://host/a"],
        "location": ["https://host/b"],
        "expected": [""],
        "hint": ["s3://b/c"],
    }


def test_results_are_not_written_to_urls() -> None:
    with pytest.raises(InputError, match=r"^found the URL s3://bucket/run; expected a local path"):
        check_local("s3:/AKIA0001:secret1@bucket/run")
    check_local("runs/student")
    check_local("C:/runs/student")


def test_tracebacks_have_no_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    from nlptrain.__main__ import _print_traceback

    error = RuntimeError("cannot open https://ada:engine1843@host/a")
    _print_traceback(RuntimeError, error, None)
    assert capsys.readouterr().err == "RuntimeError: cannot open https://host/a\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:p@ssw0rd@host/f.conll", "https://host/f.conll"),
        ("s3://KEY:SEC@RET123@bucket/f", "s3://bucket/f"),
        ("s3://KEY:SEC/RET123@bucket/f", "s3://bucket/f"),
        ("https://host/f.conll#access_token=FRAGSECRET1", "https://host/f.conll"),
        ("https://host/f?a=1;token=zzzzzz", "https://host/f?a=1"),
        ("s3://bucket/a#1.conll", "s3://bucket/a#1.conll"),
    ],
)
def test_passwords_with_an_at_sign_and_fragments_are_hidden(url: str, shown: str) -> None:
    assert hide_credentials(url) == shown
    assert redact(f"[https://a/x,{url}, {url}]") == f"[https://a/x,{shown}, {shown}]"


def test_a_user_name_next_to_a_password_is_no_secret() -> None:
    """It may be a common word, which would be hidden in all messages."""
    hide_credentials("https://person:swordfish@host/f")
    assert redact("found B-person after O: swordfish") == "found B-person after O: ***"
