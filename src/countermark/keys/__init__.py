"""Secrets and keyrings."""

from countermark.keys._keyring import Keyring as Keyring
from countermark.keys._private import PrivateKey as PrivateKey
from countermark.keys._public import PublicKey as PublicKey
from countermark.keys._secret import SecretKey as SecretKey
