"""Sign in, sign out, a page and the endpoint, with Flask-Login.

SECRET_KEY=... STIGG_SIGNING_SECRET=... flask --app app run
"""

import os

from flask import Flask, redirect, render_template_string, request
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, login_user, logout_user

from countermark.flask import Countermark, signatures_blueprint

PAGE = """
<!doctype html>
<title>Countermark</title>
{{ countermark() }}
<p>{{ current_user.id if current_user.is_authenticated else "No one" }} is signed in.</p>
<form method="post" action="/sign-in"><input name="password" type="password"></form>
<form method="post" action="/sign-out"><button>Sign out</button></form>
"""
PASSWORDS = {"ann's password": "user-1", "bob's password": "user-2"}  # yours are hashed


class User(UserMixin):
    def __init__(self, id: str) -> None:
        self.id = id


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["COUNTERMARK_SIGNERS"] = ["stigg"]  # reads STIGG_SIGNING_SECRET
    login_manager = LoginManager(app)
    login_manager.user_loader(User)
    Countermark(app)  # after Flask-Login
    app.register_blueprint(signatures_blueprint)  # /signatures

    @app.get("/")
    def page() -> str:
        return render_template_string(PAGE)

    @app.post("/sign-in")
    def sign_in() -> ResponseReturnValue:
        user_id = PASSWORDS.get(request.form["password"])
        if user_id is None:
            return "Unknown password", 403
        login_user(User(user_id))
        return redirect("/", 303)

    @app.post("/sign-out")
    def sign_out() -> ResponseReturnValue:
        logout_user()
        return redirect("/", 303)

    return app
