from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.identity.assertions import SignedActs
from adapters.identity.links import SignedLinks
from adapters.memory.links import MemoryLinkSeals
from application.ports.links import Link, LinkExpired, LinkForged, LinkSeals
from domain.approvals import Answer
from domain.people.acts import Act

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LINK = Link(UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4), "sha256:" + "0" * 64, NOW + timedelta(hours=72))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "signed"])
def seals(request: pytest.FixtureRequest, clock: Clock) -> LinkSeals:
    return MemoryLinkSeals(clock) if request.param == "memory" else SignedLinks(Ed25519PrivateKey.generate(), clock)


class TestLinks:
    def test_are_read_as_they_were_issued(self, seals: LinkSeals) -> None:
        assert seals.read(seals.issue(LINK)) == LINK

    def test_are_the_same_text_when_they_are_issued_again(self, seals: LinkSeals) -> None:
        assert seals.issue(LINK) == seals.issue(LINK)
        assert seals.issue(LINK) != seals.issue(replace(LINK, person=UUID(int=9)))

    def test_fit_into_an_address(self, seals: LinkSeals) -> None:
        token = seals.issue(LINK)
        assert all(character.isalnum() or character in "-_." for character in token)
        assert len(token) < 700

    def test_end_with_their_time(self, seals: LinkSeals, clock: Clock) -> None:
        token = seals.issue(LINK)
        clock.now = LINK.expires_at
        with pytest.raises(LinkExpired):
            seals.read(token)

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "link-", "link-99", "é", "x" * 5000])
    def test_that_nobody_issued_are_refused(self, seals: LinkSeals, token: str) -> None:
        with pytest.raises(LinkForged):
            seals.read(token)

    def test_count_each_answer_under_an_id_of_its_own(self) -> None:
        assert LINK.request(Answer.APPROVE) == LINK.request(Answer.APPROVE) != LINK.request(Answer.REJECT)


class TestSignature:
    def signed(self, key: Any = None) -> SignedLinks:
        return SignedLinks(key or Ed25519PrivateKey.generate(), lambda: NOW)

    def test_of_another_key_is_refused(self) -> None:
        with pytest.raises(LinkForged):
            self.signed().read(self.signed().issue(LINK))

    def test_breaks_with_every_character(self) -> None:
        links = self.signed()
        token = links.issue(LINK)
        for place in range(0, len(token), 7):
            if token[place] != ".":
                other = "A" if token[place] != "A" else "B"
                with pytest.raises(LinkForged):
                    links.read(token[:place] + other + token[place + 1 :])

    def test_of_an_act_makes_no_link(self) -> None:
        key = Ed25519PrivateKey.generate()
        act = Act(
            UUID(int=1), UUID(int=2), UUID(int=3), "approve", str(UUID(int=4)), LINK.digest, NOW + timedelta(minutes=5)
        )
        with pytest.raises(LinkForged):
            self.signed(key).read(SignedActs(key, lambda: NOW).issue(act))
