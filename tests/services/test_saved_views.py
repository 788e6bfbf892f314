"""Saved views: named, replaced, seen by whoever reads the experiment, bounded."""

from __future__ import annotations

import pytest

from assay.domain.access import Role
from assay.domain.errors import InvalidArgument, LimitExceeded, NotFound, PermissionDenied
from assay.domain.saved_view import MAX_VIEW_NAME, MAX_VIEW_STATE, MAX_VIEWS
from assay.services.saved_views import SavedViews
from tests.support.platform import a_context, an_actor
from tests.support.tracking import Tracking


def test_a_view_is_kept_listed_by_name_and_replaced(tracking: Tracking) -> None:
    """A second save under a name changes the state and keeps when the view was made."""
    views, context = SavedViews(tracking.platform), tracking.context
    first = views.save(context, "0", "late", '{"filter":"a"}')
    views.save(context, "0", "early", "{}")
    views.save(context, "0", "late", '{"filter":"b"}')

    found = views.list(context, "0")

    assert [view.name for view in found] == ["early", "late"]
    assert found[1].state == '{"filter":"b"}'
    assert found[1].created_at_ms == first.created_at_ms


def test_a_view_that_was_removed_is_gone(tracking: Tracking) -> None:
    """Removing twice is told."""
    views, context = SavedViews(tracking.platform), tracking.context
    views.save(context, "0", "late", "{}")
    views.delete(context, "0", "late")

    assert views.list(context, "0") == []
    with pytest.raises(NotFound):
        views.delete(context, "0", "late")


def test_a_viewer_sees_views_and_changes_none(tracking: Tracking) -> None:
    """Reading the experiment is enough to see, writing is needed to save or remove."""
    views = SavedViews(tracking.platform)
    views.save(tracking.context, "0", "late", "{}")
    viewer = a_context(an_actor("reader", Role.VIEWER))

    assert [view.name for view in views.list(viewer, "0")] == ["late"]
    with pytest.raises(PermissionDenied):
        views.save(viewer, "0", "mine", "{}")
    with pytest.raises(PermissionDenied):
        views.delete(viewer, "0", "late")


@pytest.mark.parametrize(
    ("name", "state"),
    [("", "{}"), ("x" * (MAX_VIEW_NAME + 1), "{}"), ("x", " " * MAX_VIEW_STATE + "{}")],
)
def test_names_and_states_are_bounded(tracking: Tracking, name: str, state: str) -> None:
    """An empty or endless name, or an endless state, is refused."""
    with pytest.raises(InvalidArgument):
        SavedViews(tracking.platform).save(tracking.context, "0", name, state)


def test_an_experiment_keeps_so_many_views_and_no_more(tracking: Tracking) -> None:
    """The one beyond the bound is refused, and a known one is still replaced."""
    views, context = SavedViews(tracking.platform), tracking.context
    for number in range(MAX_VIEWS):
        views.save(context, "0", str(number), "{}")

    with pytest.raises(LimitExceeded):
        views.save(context, "0", "one more", "{}")
    assert views.save(context, "0", "7", '{"x":1}').state == '{"x":1}'
