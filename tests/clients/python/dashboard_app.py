"""The Flask program that trusts Watchword's tokens: all that changes in it is that it has no /login of its own."""

from flask import Flask
from flask_jwt_extended import JWTManager, get_jwt, get_jwt_identity, jwt_required


def dashboard_app(secret):
    app = Flask(__name__)
    app.config["JWT_SECRET_KEY"] = secret
    JWTManager(app)

    @app.route("/dashboard")
    @jwt_required()
    def dashboard():
        return {"message": f"Welcome {get_jwt()['preferred_username']}"}

    @app.route("/me")
    @jwt_required()
    def me():
        return {"identity": get_jwt_identity(), "roles": get_jwt().get("roles", [])}

    @app.route("/change-password")
    @jwt_required(fresh=True)
    def change_password():
        return {"message": "Go ahead"}

    return app
