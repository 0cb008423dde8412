"""The module for the front end: JavaScript that follows the current user, and its types.

``countermark js`` writes both. The endpoints of :mod:`countermark.asgi` and
:mod:`countermark.wsgi` serve the JavaScript.
"""

from countermark.frontend._files import declarations as declarations
from countermark.frontend._files import module as module
from countermark.frontend._serving import respond_script as respond_script
