"""AWS on loopback: moto, with what it lacks put in front of it and inside it.

moto knows the services' shapes and keeps the resources. Here is added what AWS does and moto does not: keys that are
checked, idempotency by ClientToken, paging by instance, changes of state that take time, metrics that move, and faults.
"""

import os
from pathlib import Path

# What moto and botocore read while they are imported: refuse what AWS refuses, load a handful of images instead of
# 1,300, and leave alone what the person at this machine keeps for the real AWS.
ENVIRONMENT = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "MOTO_AMIS_PATH": str(Path(__file__).with_name("images.json")),
}
