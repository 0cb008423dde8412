"""Stand-ins for vendors and assertions, for the tests of applications that sign for them."""

from countermark.testing._assertions import assert_no_secret as assert_no_secret
from countermark.testing._assertions import assert_not_signed as assert_not_signed
from countermark.testing._assertions import assert_signed as assert_signed
from countermark.testing._clock import FrozenClock as FrozenClock
from countermark.testing._flow import FlowSession as FlowSession
from countermark.testing._flow import FlowSessions as FlowSessions
from countermark.testing._own_identity import assert_own_identity_only as assert_own_identity_only
from countermark.testing._receiver import Receiver as Receiver
from countermark.testing._stigg import StiggEdge as StiggEdge
from countermark.testing._tampered import tampered as tampered
