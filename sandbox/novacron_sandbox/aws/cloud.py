"""The whole of AWS as one WSGI application: keys, faults and counts in front, then our own answers or moto's."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from novacron_sandbox.aws import ec2, faults, fleet
from novacron_sandbox.aws.cloudwatch import CloudWatch
from novacron_sandbox.aws.credentials import Directory, account_of
from novacron_sandbox.aws.errors import AwsError, not_authenticated
from novacron_sandbox.aws.tokens import ClientTokens
from novacron_sandbox.aws.wire import Answer, Request
from novacron_sandbox.clock import Clock
from novacron_sandbox.front import Front

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

IMAGE = "ami-0a1b2c3d4e5f60001"

# What moto would answer from points that nobody put there.
_METRICS = ("GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData")
_READS = ("Describe", "Get", "List")


class Cloud:
    """AWS on `clock`. Making one takes the seconds that loading moto takes, so that its first call is fast."""

    def __init__(self, clock: Clock, *, boot_seconds: float, metrics_period: int, metrics_lag: float) -> None:
        ec2.install(clock, boot_seconds)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._directory = Directory()
        self._cloudwatch = CloudWatch(clock, period=metrics_period, lag=metrics_lag)
        self._tokens, self._front = ClientTokens(), Front(ec2.REGIONS, self._reset, self._seed)
        # Instance types never change, and a page of them takes moto 100 ms.
        self._types: dict[tuple[str, bytes], Answer] = {}
        self._warm_up()

    @property
    def access(self) -> dict[str, Any]:
        """What the ready line says about AWS, besides its address."""
        return {**self._directory.access, "regions": list(ec2.REGIONS), "image": IMAGE}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, as WSGI wants it."""
        path = environ.get("PATH_INFO", "")
        request = Request(environ)
        if path.startswith("/_sandbox/"):
            status, value = self._front.hook(path.removeprefix("/_sandbox/"), request.body)
            return _json(value, status).send(start_response)
        return self._serve(request).send(start_response)

    def _serve(self, request: Request) -> Answer:
        self._front.ledger.called(request.action, request.form.get("ClientToken", ""))
        try:
            self._directory.check(request)
            if request.region not in ec2.REGIONS:
                raise not_authenticated(request, "The security token included in the request is invalid.")
            return self._front.pass_on(
                request.action, lambda _: self._answer(request), lambda fault: faults.answer(fault, request)
            )
        except AwsError as refusal:
            return refusal.answer(request)

    def _answer(self, request: Request) -> Answer:
        if request.service == "monitoring" and request.action in _METRICS:
            return self._metrics(request)
        # Metrics do not touch moto's objects and stay outside.
        with self._front.gate:
            if request.action == "AssumeRole":
                self._directory.check_assumed_role(request)
            return self._tokens.once(request, account_of(request), lambda: self._carry_out(request))

    def _carry_out(self, request: Request) -> Answer:
        same = (request.region, request.body)
        if same in self._types:
            return self._types[same]
        try:
            answer = request.pass_on(self._moto)
        except NotImplementedError as gap:
            raise AwsError("InvalidAction", f"The sandbox does not do this: {gap}") from gap
        if request.action == "DescribeInstanceTypes" and answer.status == 200:
            self._types[same] = answer
        if answer.status == 200 and not request.action.startswith(_READS):
            self._front.ledger.carried_out(request.action)
        return answer

    def _metrics(self, request: Request) -> Answer:
        if request.action == "GetMetricStatistics" or not request.json:
            others = "GetMetricData, ListMetrics and PutMetricData"
            raise AwsError("InvalidAction", f"The sandbox answers {others}, in JSON as boto3 asks.")
        asked = json.loads(request.text)
        answer = self._cloudwatch.get_metric_data
        if request.action == "ListMetrics":
            answer = self._cloudwatch.list_metrics
        elif request.action == "PutMetricData":
            answer = self._cloudwatch.put_metric_data
            self._front.ledger.carried_out(request.action)
        return _json(answer(account_of(request), request.region, asked))

    def _reset(self) -> None:
        for region in ec2.REGIONS:
            ec2.backend(DEFAULT_ACCOUNT_ID, region).reset()
        self._tokens.clear()
        self._cloudwatch.custom.clear()

    def _seed(self, region: str, count: int) -> list[str]:
        return fleet.seed(ec2.backend(DEFAULT_ACCOUNT_ID, region), count, IMAGE)

    def _warm_up(self) -> None:
        """Make moto load what it loads with the first call of a service and region."""
        for service, action, version in (
            ("ec2", "DescribeInstances", "2016-11-15"),
            ("sts", "GetCallerIdentity", "2011-06-15"),
        ):
            for region in ec2.REGIONS:
                Request.unsigned(service, region, action, version).pass_on(self._moto)


def _json(value: object, status: int = 200) -> Answer:
    return Answer(status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(value).encode())
