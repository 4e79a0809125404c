"""What the suite must know of each kind of cloud: words and numbers, no behaviour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

GIB = 1 << 30


@dataclass(frozen=True)
class Kind:
    """A kind of cloud in its own words.

    Attributes:
        id: Pattern of an instance's id; {region} is where it was made, {name} what it was called.
        nobody: Id of an instance that does not exist in {region}.
        not_found: The cloud's code for that.
        signs_errors: Its errors have an id of the request.
        no_image: An image that does not exist, spelled as one.
        volume_type: A kind of disk.
        shapes: vcpus and bytes of memory of some instance types.
        native_id: Where provider_data has the cloud's id.
        remembers_deleted: It tells of instances for a while after they are gone.
        shows_user_data: Who may read an instance may read its user data.
        suspends_all: What can be suspended need not have been made for it.
        addresses: Options that say where the cloud is besides its endpoint, for signing in.
    """

    id: str
    nobody: str
    not_found: str
    no_image: str
    volume_type: str
    native_id: str
    shapes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    signs_errors: bool = True
    remembers_deleted: bool = False
    shows_user_data: bool = True
    suspends_all: bool = True
    addresses: Sequence[str] = ()


KINDS = {
    "aws": Kind(
        id="{region}~i-[0-9a-f]{{17}}",
        nobody="{region}~i-00000000000000000",
        not_found="InvalidInstanceID.NotFound",
        no_image="ami-00000000000000000",
        volume_type="gp3",
        native_id="InstanceId",
        shapes={"t3.micro": (2, GIB)},
        remembers_deleted=True,
        suspends_all=False,
    ),
    "azure": Kind(
        id="[a-z0-9-]+~{name}-[0-9a-f]{{8}}",
        nobody="novacron~nobody",
        not_found="ResourceNotFound",
        no_image="Canonical:ubuntu-24_04-lts:nothing:latest",
        volume_type="Premium_LRS",
        native_id="id",
        shapes={"Standard_B2s": (2, 4 * GIB)},
        shows_user_data=False,
        addresses=("azure.authority",),
    ),
    "gcp": Kind(
        id="{region}-[a-z]~{name}-[0-9a-f]{{8}}",
        nobody="{region}-b~nobody",
        not_found="notFound",
        no_image="debian-cloud/nothing",
        volume_type="pd-balanced",
        native_id="selfLink",
        shapes={"e2-medium": (2, 4 * GIB)},
        signs_errors=False,
    ),
}
