"""Stand-ins for vendors, for the tests of applications that sign for them."""

from countermark.testing._flow import FlowSession as FlowSession
from countermark.testing._flow import FlowSessions as FlowSessions
from countermark.testing._stigg import StiggEdge as StiggEdge
from countermark.testing._tampered import tampered as tampered
