"""Stand-ins for vendors, for the tests of applications that sign for them."""

from countermark.testing.flow import FlowSession as FlowSession
from countermark.testing.flow import FlowSessions as FlowSessions
from countermark.testing.stigg import StiggEdge as StiggEdge
from countermark.testing.tampered import tampered as tampered
