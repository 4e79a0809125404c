"""Refusals as AWS sends them: a code, a sentence, and the shape the service's protocol gives them."""

import json
from uuid import uuid4
from xml.sax.saxutils import escape

from novacron_sandbox.aws.wire import Answer, Request


class AwsError(Exception):
    """A refusal with AWS's own code and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def answer(self, request: Request) -> Answer:
        """Return the refusal in the protocol of the request."""
        number, code, message = str(uuid4()), escape(self.code), escape(self.message)
        if request.json:
            fault = "Sender" if self.status < 500 else "Receiver"
            headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-RequestId", number)]
            headers.append(("x-amzn-query-error", f"{self.code};{fault}"))
            return Answer(self.status, headers, json.dumps({"__type": self.code, "message": self.message}).encode())
        if request.service == "ec2":
            error = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            text = f"<Response>{error}<RequestID>{number}</RequestID></Response>"
        else:
            fault = "Sender" if self.status < 500 else "Receiver"
            error = f"<Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            text = f"<ErrorResponse>{error}<RequestId>{number}</RequestId></ErrorResponse>"
        head = '<?xml version="1.0" encoding="UTF-8"?>\n'
        return Answer(self.status, [("Content-Type", "text/xml;charset=UTF-8")], (head + text).encode())


def not_authenticated(request: Request, message: str, *, signature: bool = False) -> AwsError:
    """Return the refusal of credentials: EC2 has one code for all of them, the other services say what is wrong."""
    if request.service == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    return AwsError("SignatureDoesNotMatch" if signature else "InvalidClientTokenId", message, 403)


def expired(request: Request) -> AwsError:
    """Return the refusal of credentials whose time is over."""
    if request.service == "ec2":
        return AwsError("RequestExpired", "Request has expired.")
    return AwsError("ExpiredToken", "The security token included in the request is expired", 403)
