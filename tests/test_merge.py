from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_twocheckout.merge import REQUIRED, Merge, changed_fields, merge, missing, normalise, request_body

NAMES = ["FirstName", "City", "CountryCode", "Fax", "Language", "ExternalCustomerReference"]
# Few values, so that the three sides often agree; blanks and both spellings of a country among them.
values = st.sampled_from(["", " ", "a", "b", "ro", "RO"])
answered = st.one_of(values, st.none(), st.integers(0, 2))
local_sides = st.fixed_dictionaries(dict.fromkeys(NAMES, values))
bases = st.dictionaries(st.sampled_from(NAMES), values)
remotes = st.dictionaries(st.sampled_from([*NAMES, "Credit", "Unknown"]), answered)
winners = st.sampled_from(["local", "remote"])


@pytest.mark.parametrize(
    ("base", "local", "remote", "send", "adopt", "conflicts"),
    [
        ("a", "a", "a", False, False, False),
        ("a", "b", "a", True, False, False),  # changed only here
        ("a", "a", "b", False, True, False),  # changed only there
        ("a", "b", "b", False, False, False),  # changed alike
        ("a", "b", "c", True, False, True),  # changed on both sides
        ("a", "", "a", True, False, False),  # erased here
        ("a", "a", "", False, True, False),  # erased there
        ("", "", None, False, False, False),  # null is blank
        ("1", "1", 1, False, False, False),  # a number is its text
        (None, "a", "", True, False, False),  # it is unknown who changed: a blank yields
        (None, "", "a", False, True, False),
        (None, "a", "b", True, False, True),
        (None, "a", "a", False, False, False),
    ],
)
def test_merge__one_field(base, local, remote, send, adopt, conflicts):
    merged = merge({} if base is None else {"Fax": base}, {"Fax": local}, {"Fax": remote})

    assert (bool(merged.send), bool(merged.adopt), bool(merged.conflicts)) == (send, adopt, conflicts)


def test_merge__conflict_won_by_2checkout():
    assert merge({"City": "a"}, {"City": "b"}, {"City": "c"}, conflict="remote") == Merge(
        result={"City": "c"},
        remote={"City": "c"},
        base={"City": "a"},
        adopt=frozenset({"City"}),
        conflicts=frozenset({"City"}),
    )


def test_merge__our_own_older_value_is_no_change_over_there():
    merged = merge({"City": "a"}, {"City": "c"}, {"City": "b"}, in_doubt=[{"City": "x"}, {"City": "b"}, {}])

    assert (merged.send, merged.adopt, merged.conflicts) == ({"City"}, frozenset(), frozenset())
    assert merged.base == {"City": "b"}


def test_merge__country_in_lower_case_is_no_change():
    assert merge({"CountryCode": "RO"}, {"CountryCode": "RO"}, {"CountryCode": "ro"}).adopt == frozenset()


@pytest.mark.parametrize("remote", [{}, {"Language": ""}, {"Language": None}])
def test_merge__a_language_left_out_is_not_erased(remote):
    merged = merge({"Language": "en"}, {"Language": "en"}, remote)

    assert (merged.send, merged.adopt, merged.result) == (frozenset(), frozenset(), {"Language": "en"})


def test_merge__a_language_changed_here_is_sent_though_it_is_left_out():
    assert merge({"Language": "en"}, {"Language": "ro"}, {"Language": ""}).send == {"Language"}


@pytest.mark.parametrize("blank", ["", None, "  ", "\u00a0\t"])
@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_merge__a_required_field_that_comes_blank_counts_as_left_out(name, blank):
    remote = {name: blank, "Fax": "1"}
    unchanged = merge({name: "A", "Fax": ""}, {name: "A", "Fax": ""}, remote)
    assert (unchanged.send, unchanged.adopt, unchanged.result[name]) == (frozenset(), {"Fax"}, "A")
    assert request_body(remote, unchanged.result) == {name: "A", "Fax": "1"}
    changed = merge({name: "A"}, {name: "B"}, remote)
    assert (changed.send, changed.adopt, changed.conflicts) == ({name}, frozenset(), frozenset())
    unknown = merge({}, {name: "A"}, remote, conflict="remote", chosen={name: "remote"})
    assert (unknown.send, unknown.adopt) == ({name}, frozenset())
    nowhere = merge({}, {name: " "}, remote)
    assert (nowhere.send, nowhere.adopt, request_body(remote, nowhere.result)) == (
        frozenset(),
        frozenset(),
        {"Fax": "1"},
    )


def test_merge__what_is_left_out_may_be_what_we_may_have_sent():
    merged = merge({"City": "a"}, {"City": "a"}, {"City": ""}, in_doubt=[{"City": "a"}, {"City": "b"}])

    assert (merged.send, merged.adopt, merged.result) == ({"City"}, frozenset(), {"City": "a"})


@given(
    bases,
    local_sides,
    remotes,
    winners,
    st.dictionaries(st.sampled_from(NAMES), winners),
    st.lists(local_sides, max_size=2),
)
def test_merge__a_required_field_is_never_erased(base, local, remote, winner, chosen, in_doubt):
    merged = merge(base, local, remote, in_doubt=in_doubt, conflict=winner, chosen=chosen)
    body = request_body(remote, merged.result)

    for name in REQUIRED & local.keys():
        if name in merged.adopt:
            assert merged.result[name].strip()
        if normalise(name, local[name]):
            assert normalise(name, body[name])
        assert str(body.get(name, "absent")).strip()
        if not normalise(name, remote.get(name)) and not chosen:
            assert name not in merged.adopt or normalise(name, base.get(name))


def test_missing():
    assert missing({**dict.fromkeys(REQUIRED, "a"), "Zip": " ", "Email": None}) == {"Zip", "Email"}
    assert missing({}) == REQUIRED


def test_merge__an_absent_field_is_not_erased_but_a_blank_one_is():
    assert merge({"Fax": "1"}, {"Fax": "1"}, {}).adopt == frozenset()
    assert merge({"Fax": "1"}, {"Fax": "1"}, {"Fax": ""}).adopt == {"Fax"}


@given(bases, local_sides, remotes, winners)
def test_merge__every_field_has_one_fate(base, local, remote, winner):
    merged = merge(base, local, remote, conflict=winner)

    assert merged.result.keys() == merged.remote.keys() == local.keys()
    assert not merged.send & merged.adopt
    assert merged.conflicts <= merged.send | merged.adopt
    for name in local:
        ours, theirs = normalise(name, local[name]), merged.remote[name]
        assert merged.result[name] == (theirs if name in merged.adopt else ours)
        assert (name in merged.send | merged.adopt) == (ours != theirs)


@given(bases, local_sides, remotes, winners)
def test_merge__what_changed_only_there_is_never_sent(base, local, remote, winner):
    merged = merge(base, local, remote, conflict=winner)

    for name in merged.send:
        assert normalise(name, local[name]) != normalise(name, base.get(name))


@given(bases, local_sides, remotes, winners)
def test_merge__carried_out_there_is_nothing_left_to_do(base, local, remote, winner):
    merged = merge(base, local, remote, conflict=winner)

    again = merge(merged.result, merged.result, {**remote, **merged.result}, conflict=winner)

    assert (again.send, again.adopt, again.result) == (frozenset(), frozenset(), merged.result)


@given(bases, local_sides, remotes, winners, st.dictionaries(st.sampled_from(NAMES), winners))
def test_merge__a_chosen_winner_wins__and_the_others_fare_as_without(base, local, remote, winner, chosen):
    merged = merge(base, local, remote, conflict=winner, chosen=chosen)
    without = merge(base, local, remote, conflict=winner)

    assert merged.conflicts == without.conflicts
    for name in local:
        ours, theirs = normalise(name, local[name]), without.remote[name]
        answered = name in remote and (name == "Fax" or normalise(name, remote[name]))
        if name in chosen and (chosen[name] == "local" or answered or theirs):
            assert merged.result[name] == (ours if chosen[name] == "local" else theirs)
            assert (name in merged.send) == (ours != theirs and chosen[name] == "local")
            assert (name in merged.adopt) == (ours != theirs and chosen[name] == "remote")
        else:
            assert merged.result[name] == without.result[name]
            assert (name in merged.send, name in merged.adopt) == (name in without.send, name in without.adopt)


def lossy(information):
    """What 2Checkout makes of what it was sent, as captured: lower case, nulls, a language forgotten."""
    echo = {name: value or None for name, value in information.items()}
    return {**echo, "CountryCode": information["CountryCode"].lower(), "Language": ""}


@given(local_sides)
def test_merge__never_loops_on_a_lossy_echo(local):
    acknowledged = {name: normalise(name, value) for name, value in local.items()}

    merged = merge(acknowledged, local, lossy(local))

    assert (merged.send, merged.adopt, merged.conflicts) == (frozenset(), frozenset(), frozenset())
    assert not changed_fields(local, merged.result)


@given(bases, local_sides, remotes)
def test_request_body__has_the_agreed_values_and_all_else_as_fetched(base, local, remote):
    result = merge(base, local, remote).result
    body = request_body(
        {**remote, "CustomerReference": "1", "AvangateCustomerReference": 1, "ExistingCards": []}, result
    )

    assert {name: normalise(name, body.get(name)) for name in result} == result
    assert not {"CustomerReference", "AvangateCustomerReference", "ExistingCards"} & body.keys()
    assert None not in body.values()
    for name in remote.keys() - result.keys():
        assert body.get(name) == (None if remote[name] == "" else remote[name])


def test_request_body__keeps_2checkouts_spelling_and_credit():
    remote = {"CountryCode": "ro", "City": "Cluj", "Credit": {"Limit": 5.0}, "Status": "Inactive"}

    assert request_body(remote, {"CountryCode": "RO", "City": "Iasi"}) == {**remote, "City": "Iasi"}


def test_changed_fields():
    assert changed_fields({"City": "a", "CountryCode": "RO", "Fax": ""}, {"City": "b", "CountryCode": "ro"}) == {"City"}
