"""Verifies tokens, and decides which requests are allowed."""

from countermark.verifying._allowance import Allowance as Allowance
from countermark.verifying._enforcement import Enforcement as Enforcement
from countermark.verifying._enforcement import EnforcementOptions as EnforcementOptions
from countermark.verifying._locations import from_cookie as from_cookie
from countermark.verifying._locations import from_header as from_header
from countermark.verifying._locations import from_query as from_query
from countermark.verifying._mode_switch import ModeSwitch as ModeSwitch
from countermark.verifying._mode_values import EnforcePercent as EnforcePercent
from countermark.verifying._modes import ModeContext as ModeContext
from countermark.verifying._modes import ModeFile as ModeFile
from countermark.verifying._origins import AllowedOrigins as AllowedOrigins
from countermark.verifying._results import TokenCheck as TokenCheck
from countermark.verifying._results import Verdict as Verdict
from countermark.verifying._results import VerifiedIdentity as VerifiedIdentity
from countermark.verifying._stored_modes import StoredModes as StoredModes
from countermark.verifying._verifier import Verifier as Verifier
