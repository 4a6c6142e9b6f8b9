package sig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// PublicKey is a key that may vouch for something.
type PublicKey struct {
	Key  crypto.PublicKey
	Type string   // "ecdsa-p256", "rsa-3072", "ed25519"
	SPKI [32]byte // SHA-256 of the DER form; cosign puts it, in base64, in a bundle's hint
}

// SPKIHex is the fingerprint of the key in hex.
func (k *PublicKey) SPKIHex() string { return hex.EncodeToString(k.SPKI[:]) }

// ParsePublicKey reads one PEM public key: ECDSA, RSA of at least 2048 bits, or
// Ed25519.
func ParsePublicKey(data []byte) (*PublicKey, error) {
	block, rest := pem.Decode(data)
	switch {
	case block == nil:
		return nil, errors.New("no PEM block; write the public key as openssl and cosign do (-----BEGIN PUBLIC KEY-----)")
	case strings.Contains(block.Type, "PRIVATE"):
		return nil, errors.New("this is a private key; give its public half")
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("more than one key; give each key a file of its own")
	}
	pub, err := cryptoutils.UnmarshalPEMToPublicKey(data)
	if err != nil {
		return nil, err
	}
	return NewPublicKey(pub)
}

// The sizes of RSA keys that are accepted, in bits: what NIST SP 800-57 still
// allows, and what does not make verification slow.
const (
	minRSA = 2048
	maxRSA = 8192
)

// NewPublicKey checks that a key is of a kind and strength that may vouch.
func NewPublicKey(pub crypto.PublicKey) (*PublicKey, error) {
	k := &PublicKey{Key: pub}
	switch p := pub.(type) {
	case *ecdsa.PublicKey:
		k.Type = "ecdsa-" + strings.ToLower(strings.ReplaceAll(p.Curve.Params().Name, "-", ""))
		if p.Curve.Params().BitSize < 256 {
			return nil, fmt.Errorf("weak key: %s; use ECDSA P-256", k.Type)
		}
	case *rsa.PublicKey:
		k.Type = fmt.Sprintf("rsa-%d", p.N.BitLen())
		if bits := p.N.BitLen(); bits < minRSA || bits > maxRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is not accepted; use %d to %d, or ECDSA P-256", bits, minRSA, maxRSA)
		}
	case ed25519.PublicKey:
		k.Type = "ed25519"
	default:
		return nil, fmt.Errorf("keys of type %T are not supported; use ECDSA P-256 or RSA", pub)
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(pub)
	if err != nil {
		return nil, err
	}
	k.SPKI = sha256.Sum256(der)
	return k, nil
}
