"""Doors of this room at well-known addresses."""

from django.urls import path

from apps.agents import views

urlpatterns = [
    path(".well-known/jwks.json", views.jwks, name="jwks"),
    path(".well-known/oauth-authorization-server", views.authorization_server, name="authorization-server"),
]
