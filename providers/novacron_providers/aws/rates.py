"""How fast AWS lets one account call each action in one region ("Request throttling for the Amazon EC2 API")."""

from collections.abc import Mapping

from novacron_providers.kit.rates import Rate

# Lists here are always filtered or paged; without that EC2 grants half.
_READ = Rate(100, 20)
_CHANGE = Rate(50, 5)

RATES: Mapping[str, Rate] = {
    "ec2.DescribeAvailabilityZones": _READ,
    "ec2.DescribeImages": _READ,
    "ec2.DescribeInstances": _READ,
    "ec2.DescribeInstanceTypeOfferings": _READ,
    "ec2.DescribeInstanceTypes": _READ,
    "ec2.DescribeKeyPairs": _READ,
    "ec2.DescribeRegions": _READ,
    "ec2.DescribeSecurityGroups": _READ,
    "ec2.DescribeSubnets": _READ,
    "ec2.DescribeVolumes": _READ,
    "ec2.CreateTags": Rate(100, 10),
    "ec2.ImportKeyPair": _CHANGE,
    "ec2.RebootInstances": _CHANGE,
    "ec2.RunInstances": Rate(5, 2),
    "ec2.StartInstances": Rate(5, 2),
    "ec2.StopInstances": _CHANGE,
    "ec2.TerminateInstances": Rate(100, 5),
    "cloudwatch.GetMetricData": Rate(50, 50),
    "cloudwatch.PutMetricData": Rate(500, 500),
}
