package sig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

// The PEM types of keys that cosign encrypted: current and before 2022.
var encryptedTypes = []string{"ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"}

// ParsePrivateKey reads a PEM private key: PKCS#8, SEC 1 or PKCS#1 in the
// clear, or a key that cosign encrypted, for which it asks password.
func ParsePrivateKey(data []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block; give a private key as openssl or cosign write it")
	}
	der := block.Bytes
	if slices.Contains(encryptedTypes, block.Type) {
		var err error
		if der, err = decrypt(der, password); err != nil {
			return nil, err
		}
		block.Type = "PRIVATE KEY"
	}
	return parseDER(block.Type, der)
}

func decrypt(box []byte, password func() ([]byte, error)) ([]byte, error) {
	if password == nil {
		return nil, errors.New("the key is encrypted; give its password")
	}
	pass, err := password()
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	der, err := encrypted.Decrypt(box, pass)
	if err != nil {
		return nil, fmt.Errorf("wrong password: %w", err)
	}
	return der, nil
}

func parseDER(kind string, der []byte) (crypto.Signer, error) {
	var key any
	var err error
	switch kind {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(der)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(der)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(der)
	case "PUBLIC KEY":
		return nil, errors.New("this is a public key; signing needs the private one")
	default:
		return nil, fmt.Errorf("a PEM block of type %q is no private key that can be read; export it as PKCS#8", kind)
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("keys of type %T cannot sign; use ECDSA P-256 or RSA", key)
	}
	_, err = NewPublicKey(signer.Public())
	return signer, err
}

// GenerateKey makes an ECDSA P-256 key pair in PEM. With a password the private
// key is encrypted as cosign does it; without, it is plain PKCS#8.
func GenerateKey(password []byte) (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if len(password) > 0 {
		block.Type = encryptedTypes[0]
		if block.Bytes, err = encrypted.Encrypt(der, password); err != nil {
			return nil, nil, err
		}
	}
	public, err = cryptoutils.MarshalPublicKeyToPEM(key.Public())
	return pem.EncodeToMemory(block), public, err
}
