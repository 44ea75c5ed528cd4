"""Is this a point of the curve that a chain's keys are on? Nobody has the key of anything else."""

# Source: https://www.rfc-editor.org/rfc/rfc8032#section-5.1
ED25519_P = 2**255 - 19
ED25519_D = -121665 * pow(121666, -1, ED25519_P) % ED25519_P

# Source: https://www.secg.org/sec2-v2.pdf
SECP256K1_P = 2**256 - 2**32 - 977


def on_ed25519(key: bytes) -> bool:
    """Decompress 32 bytes: y and the sign of x, where x² = (y² - 1) / (dy² + 1)."""
    number = int.from_bytes(key, "little")
    y, x_is_odd = number & ((1 << 255) - 1), number >> 255
    if len(key) != 32 or y >= ED25519_P:
        return False
    square = (y * y - 1) * pow(ED25519_D * y * y + 1, -1, ED25519_P) % ED25519_P
    if square == 0:
        return not x_is_odd
    return _is_square(square, ED25519_P)


def on_secp256k1(x: bytes) -> bool:
    """Say whether there is a point with this x, where y² = x³ + 7.

    Source: https://github.com/bitcoin/bips/blob/master/bip-0340.mediawiki
    """
    number = int.from_bytes(x, "big")
    return number < SECP256K1_P and _is_square(pow(number, 3, SECP256K1_P) + 7, SECP256K1_P)


def _is_square(number: int, prime: int) -> bool:
    """Euler's criterion."""
    return pow(number, (prime - 1) // 2, prime) == 1
