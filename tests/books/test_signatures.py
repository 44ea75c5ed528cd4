"""The script that auditors check a month with has its own Ed25519 and ES256: they say of every
signature, right or wrong, what the `cryptography` library says."""

import hashlib
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from audit import merkle
from payouts.books import verify_month
from payouts.books.signing import Signer

ROUNDS = 24


@pytest.fixture
def chance():
    return random.Random(20261031)


def by_cryptography_ed25519(key, message, signature):
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def by_cryptography_es256(key, message, signature):
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def flipped(data, chance):
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def spoiled(key, message, signature, chance):
    """The same three with one of them changed, each in its turn."""
    yield key, message, flipped(signature, chance)
    yield flipped(key, chance), message, signature
    yield key, flipped(message, chance), signature
    yield key, message + b"\0", signature
    yield key, message, signature[:-1]
    yield key[:-1], message, signature


def test_ed25519_is_that_of_cryptography(chance):
    for _ in range(ROUNDS):
        owner = ed25519.Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        key = owner.public_key().public_bytes_raw()
        message = chance.randbytes(chance.randrange(1, 200))
        signature = owner.sign(message)
        assert verify_month.ed25519_holds(key, message, signature)
        for case in spoiled(key, message, signature, chance):
            assert verify_month.ed25519_holds(*case) is by_cryptography_ed25519(*case) is False


def test_ed25519_takes_one_spelling_of_a_signature_alone(chance):
    owner = ed25519.Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
    key, signature = owner.public_key().public_bytes_raw(), owner.sign(b"m")
    more = int.from_bytes(signature[32:], "little") + verify_month.L
    other = signature[:32] + more.to_bytes(32, "little")
    assert not verify_month.ed25519_holds(key, b"m", other)
    assert not by_cryptography_ed25519(key, b"m", other)


# RFC 8032, section 7.1
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_ed25519_holds_for_the_vectors_of_its_rfc(key, message, signature):
    case = [bytes.fromhex(each) for each in (key, message, signature)]
    assert verify_month.ed25519_holds(*case)


def test_es256_is_that_of_cryptography(chance):
    for _ in range(ROUNDS // 3):
        owner = ec.derive_private_key(chance.randrange(1, verify_month.N), ec.SECP256R1())
        key = owner.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        message = chance.randbytes(chance.randrange(1, 200))
        signature = owner.sign(message, ec.ECDSA(hashes.SHA256()))
        assert verify_month.es256_holds(key, message, signature)
        for case in spoiled(key, message, signature, chance):
            assert verify_month.es256_holds(*case) is by_cryptography_es256(*case) is False


def test_es256_takes_no_number_out_of_bounds(chance):
    owner = ec.derive_private_key(chance.randrange(1, verify_month.N), ec.SECP256R1())
    key = owner.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    r, s = decode_dss_signature(owner.sign(b"m", ec.ECDSA(hashes.SHA256())))
    for odd in [(0, s), (r, 0), (r + verify_month.N, s), (r, s + verify_month.N), (0, 0)]:
        signature = encode_dss_signature(*odd)
        assert not verify_month.es256_holds(key, b"m", signature)
        assert not by_cryptography_es256(key, b"m", signature)


def test_the_desk_signs_as_its_public_key_says():
    signer = Signer()
    signature = signer.sign(b"month")
    assert verify_month.ed25519_holds(signer.public, b"month", signature)
    assert by_cryptography_ed25519(signer.public, b"month", signature)
    assert signer.fingerprint == hashlib.sha256(signer.public).hexdigest()


# RFC 6962: the tree of the first leaves of the test vectors of Certificate Transparency
LEAVES = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243")]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
}


@pytest.mark.parametrize("tree", [merkle.Tree, verify_month.Tree])
@pytest.mark.parametrize("count", ROOTS)
def test_roots_are_those_of_certificate_transparency(tree, count):
    made = tree()
    for each in LEAVES[:count]:
        made.add(each)
    assert made.root == ROOTS[count]


def split(leaves):
    """The definition itself, which splits at the largest power of two."""
    if len(leaves) == 1:
        return merkle.leaf(leaves[0])
    at = 1 << ((len(leaves) - 1).bit_length() - 1)
    return merkle.node(split(leaves[:at]), split(leaves[at:]))


def test_both_trees_are_the_definition_for_any_number_of_leaves():
    leaves = [str(number).encode() for number in range(70)]
    for count in range(1, len(leaves) + 1):
        one, other = merkle.Tree(), verify_month.Tree()
        for each in leaves[:count]:
            one.add(each)
            other.add(each)
        assert one.root == other.root == split(leaves[:count]).hex()
