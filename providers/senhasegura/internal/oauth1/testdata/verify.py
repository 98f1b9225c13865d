"""Verifies signed requests with oauthlib: one JSON object a line in, one verdict a line out."""
import json
import sys

from oauthlib.oauth1 import RequestValidator, ResourceEndpoint


class Validator(RequestValidator):
    enforce_ssl = False
    timestamp_lifetime = 10**10
    dummy_client = "dummy"
    dummy_access_token = "dummy"

    def __init__(self, keys):
        super().__init__()
        self.keys = keys

    def check_client_key(self, key):
        return True

    check_access_token = check_nonce = check_client_key

    def validate_client_key(self, key, request):
        return key == self.keys["consumer_key"]

    def validate_access_token(self, key, token, request):
        return token == self.keys["token_key"]

    def validate_timestamp_and_nonce(self, *args, **kwargs):
        return True

    def validate_realms(self, *args, **kwargs):
        return True

    def get_client_secret(self, key, request):
        return self.keys["consumer_secret"]

    def get_access_token_secret(self, key, token, request):
        return self.keys["token_secret"]


for line in sys.stdin:
    r = json.loads(line)
    headers = {"Authorization": r["header"]}
    if r["body"]:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    endpoint = ResourceEndpoint(Validator(r["keys"]))
    try:
        valid, _ = endpoint.validate_protected_resource_request(
            r["url"], r["method"], r["body"], headers, realms=[])
        print("valid" if valid else "invalid")
    except Exception as e:
        print("error", type(e).__name__, e)
