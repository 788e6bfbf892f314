from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.domain.errors import InvalidArgument
from assay.domain.names import (
    check_alias,
    check_artifact_path,
    check_experiment_name,
    check_metric_key,
    check_model_name,
    check_param_key,
    check_param_value,
    check_portable_key,
    check_run_name,
    check_tag_key,
    check_tag_value,
    check_text,
    check_workspace_name,
    is_protected,
)

TRAVERSALS = [
    "..", "../a", "a/..", "a/../b", "./a", "a/./b", ".", "/etc/passwd", "//a", "a//b", "a/",
    "..\\a", "a\\b", "\\\\host\\share", "C:\\x", "C:/x", "c:x", "file:///etc/passwd", "file:/etc",
    "s3://b/k", "a\0b", "a\nb", "a\x7fb", "a\x85b", "a\u2028b",
    "%2e%2e/a", "%2E%2e", "..%2fa", "a%2f..%2fb", "%2fetc", "%5c..%5c", "a%00b", "%0a",
    "%252e%252e/a", "%252e%252e%252fa", "%255c", "a%2500", "%252fetc", "%43%3a/x", "\ud800", "",
]  # fmt: skip


def refused(check: Callable[..., str], value: object) -> str | None:
    """The field of the refusal of a value."""
    with pytest.raises(InvalidArgument) as caught:
        check(value)
    return caught.value.field


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out(path: str) -> None:
    """Not as it stands, not decoded once, not decoded twice."""
    assert refused(check_artifact_path, path) == "path"


@given(st.text(st.sampled_from("ab./\\%25ef0c:\0 é"), max_size=12))
def test_an_accepted_path_stays_inside_however_it_is_decoded(path: str) -> None:
    """Up to two rounds of decoding, an accepted path is relative and in normal form."""
    try:
        accepted = check_artifact_path(path)
    except InvalidArgument:
        return
    for form in (accepted, unquote(accepted), unquote(unquote(accepted))):
        parts = form.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert "\\" not in form
        assert "\0" not in form
    assert accepted == path


@pytest.mark.parametrize(
    "path",
    ["a", "model/weights.safetensors", "a b/é.txt", "100%.txt", "a%20b", "...", "..a", "a..", ".hidden",
     "x" * 1024, "ab:c/d", quote("ü") + "/x", "checkpoint-5/adapter#1;v?"],
)  # fmt: skip
def test_ordinary_paths_are_kept_as_sent(path: str) -> None:
    """Dots, spaces, percent signs and other scripts are no harm."""
    assert check_artifact_path(path) == path


def test_the_root_is_a_path_only_where_it_may_be() -> None:
    """Listing may ask for the root; a file cannot be the root."""
    assert check_artifact_path("", allow_root=True) == ""
    assert refused(check_artifact_path, "x" * 1025) == "path"


@pytest.mark.parametrize(
    "alias", ["production", "champion", "a-b_C9", "v", "v1a", "latest2", "x" * 255]
)
def test_aliases_are_words(alias: str) -> None:
    """Letters, digits, hyphens and underscores."""
    assert check_alias(alias) == alias


@pytest.mark.parametrize(
    "alias",
    ["", "latest", "LATEST", "v1", "V23", "a b", "a.b", "é", "a/b", "x" * 256, None, 3, "a\n"],
)
def test_reserved_and_odd_aliases_are_refused(alias: object) -> None:
    """`latest` and version numbers mean something else, in any case."""
    assert refused(check_alias, alias) == "alias"


@pytest.mark.parametrize(
    "name", ["reward-model", "Qwen 3 8B", "modèle", "a@b", "100%", "x" * 256, "..."]
)
def test_model_names_are_one_path_part(name: str) -> None:
    """Spaces, upper case and other scripts are fine."""
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "a/b", "a:b", "a\\b", ".", "..", "a\nb", "a\0", " a", "a ", "%41bc", "a%2fb", "\uff4dodel",
     "ﬁne", "x" * 257, 7],
)  # fmt: skip
def test_model_names_that_pose_as_others_are_refused(name: object) -> None:
    """Percent escapes, compatibility twins and stray spaces would let one name look like another."""
    assert refused(check_model_name, name) == "name"


def test_keys_are_kept_as_sent() -> None:
    """Any text of 1 to 250 characters is a metric, param or tag key."""
    for check in (check_metric_key, check_param_key, check_tag_key):
        for key in ("eval/acc@1", "a b", "é\n", "x" * 250, "🙂" * 250, "../x", "`"):
            assert check(key) == key
        for key in ("", "x" * 251, "a\0", "\udc00", None, 5):
            refused(check, key)


def test_portable_keys_are_also_paths() -> None:
    """Where a key must be a path too, it is in normal form."""
    for key in ("train/loss", "a b.c-d:e_f", "système/gpu_0"):
        assert check_portable_key(key, "key") == key
    for key in ("/a", "a/", "a//b", "../a", "a/./b", "a@b", "a%", "", ".", "x" * 251):
        assert refused(lambda value: check_portable_key(value, "key"), key) == "key"


def test_values_have_their_limits() -> None:
    """The longest value passes, one character more is refused; empty values are values."""
    assert check_param_value("") == ""
    assert len(check_param_value("x" * 6_000)) == 6_000
    assert refused(check_param_value, "x" * 6_001) == "param value"
    assert len(check_tag_value("x" * 8_000)) == 8_000
    assert refused(check_tag_value, "x" * 8_001) == "tag value"
    assert refused(check_tag_value, 5) == "tag value"
    assert check_tag_value("x" * 9_000, max_length=10_000)


def test_titles_are_not_blank() -> None:
    """Experiments and runs have names that one can see on one line."""
    for check, field in ((check_experiment_name, "name"), (check_run_name, "run_name")):
        assert check("SFT sweep 🚀") == "SFT sweep 🚀"
        for name in ("", "  ", "a\nb", "a\x1b[31m", "x" * 501, None):
            assert refused(check, name) == field


@pytest.mark.parametrize("name", ["a", "A1", "-a", "a-", "a_b", "x" * 64, "", None, "a\n", "é1"])
def test_odd_workspace_names_are_refused(name: object) -> None:
    """A workspace's name is short, lower case and safe in a URL."""
    assert refused(check_workspace_name, name) == "workspace"
    assert check_workspace_name("team-a") == "team-a"
    assert check_workspace_name("x" * 63) == "x" * 63


def test_protection_does_not_depend_on_letter_case() -> None:
    """`Production` is protected where `production` is."""
    protected = frozenset({"production", "Champion"})
    assert is_protected("Production", protected)
    assert is_protected("CHAMPION", protected)
    assert not is_protected("staging", protected)
    assert not is_protected("production", frozenset())


def test_a_required_text_names_its_field() -> None:
    """The refusal carries the name under which the caller knows the value."""
    with pytest.raises(InvalidArgument) as caught:
        check_text("", "dataset.name", max_length=5, allow_empty=False)
    assert caught.value.field == "dataset.name"


@pytest.mark.parametrize("start", ["5c", "00", "2f", "0a", "pc"])
@pytest.mark.parametrize("end", [".png", "%compressed.webp"])
def test_an_image_of_an_older_mlflow_client_is_an_ordinary_file(start: str, end: str) -> None:
    """Its name has marks that are no escapes, whatever number or identifier follows them."""
    identifier = f"{start}579503-3a1e-4c04-88c6-0648fa89b878"
    path = f"images/sample%step%10%timestamp%1795438262047%{identifier}{end}"

    assert check_artifact_path(path) == path
    for smuggled in (f"images/%2e%2e/{path}", f"{path}/../x", f"images/%5c..%5c{path}"):
        with pytest.raises(InvalidArgument):
            check_artifact_path(smuggled)
