package sig

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"
)

// SignBlob signs message and returns a bundle as `cosign sign-blob` writes it
// with a key: version 0.3, message signature, key hint, no log entry.
func SignBlob(ctx context.Context, key crypto.Signer, message []byte) ([]byte, error) {
	return bundleOf(ctx, key, &sign.PlainData{Data: message})
}

// SignStatement signs an in-toto statement as `cosign attest-blob` does.
func SignStatement(ctx context.Context, key crypto.Signer, statement []byte) ([]byte, error) {
	return bundleOf(ctx, key, &sign.DSSEData{Data: statement, PayloadType: PayloadType})
}

func bundleOf(ctx context.Context, key crypto.Signer, content sign.Content) ([]byte, error) {
	pair, err := newKeypair(key)
	if err != nil {
		return nil, err
	}
	b, err := sign.Bundle(content, pair, sign.BundleOptions{Context: ctx})
	if err != nil {
		return nil, err
	}
	data, err := protojson.Marshal(b)
	return append(data, '\n'), err
}

// keypair adapts a private key to sigstore-go's signing interface.
type keypair struct {
	key    crypto.Signer
	pub    *PublicKey
	hash   crypto.Hash
	proto  protocommon.HashAlgorithm
	family string
}

func newKeypair(key crypto.Signer) (*keypair, error) {
	pub, err := NewPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	k := &keypair{key: key, pub: pub, hash: crypto.SHA256, proto: protocommon.HashAlgorithm_SHA2_256, family: "RSA"}
	switch p := key.Public().(type) {
	case ed25519.PublicKey:
		return nil, errors.New("ed25519 keys cannot sign a bundle that stock tools check; use ECDSA P-256")
	case *ecdsa.PublicKey:
		k.family = "ECDSA"
		k.hash, k.proto = hashFor(p)
	}
	return k, nil
}

// hashFor pairs a curve with its hash as sigstore does.
func hashFor(p *ecdsa.PublicKey) (crypto.Hash, protocommon.HashAlgorithm) {
	switch bits := p.Curve.Params().BitSize; {
	case bits > 384:
		return crypto.SHA512, protocommon.HashAlgorithm_SHA2_512
	case bits > 256:
		return crypto.SHA384, protocommon.HashAlgorithm_SHA2_384
	}
	return crypto.SHA256, protocommon.HashAlgorithm_SHA2_256
}

func (k *keypair) GetHashAlgorithm() protocommon.HashAlgorithm { return k.proto }
func (k *keypair) GetSigningAlgorithm() protocommon.PublicKeyDetails {
	return protocommon.PublicKeyDetails_PUBLIC_KEY_DETAILS_UNSPECIFIED // only asked for certificates
}
func (k *keypair) GetHint() []byte {
	return []byte(base64.StdEncoding.EncodeToString(k.pub.SPKI[:]))
}
func (k *keypair) GetKeyAlgorithm() string        { return k.family }
func (k *keypair) GetPublicKey() crypto.PublicKey { return k.pub.Key }
func (k *keypair) GetPublicKeyPem() (string, error) {
	pem, err := cryptoutils.MarshalPublicKeyToPEM(k.pub.Key)
	return string(pem), err
}

func (k *keypair) SignData(_ context.Context, data []byte) (signature, digest []byte, err error) {
	h := k.hash.New()
	h.Write(data)
	digest = h.Sum(nil)
	signature, err = k.key.Sign(rand.Reader, digest, k.hash)
	return signature, digest, err
}
