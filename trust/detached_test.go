package trust

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// openssl dgst signs with the hash it is told, whatever the key, and the
// signature does not say which.
func TestABareSignatureIsFoundUnderWhicheverHashItWasMade(t *testing.T) {
	keys := map[string]func() (crypto.Signer, error){
		"p256":    func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"p384":    func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"p521":    func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"rsa3072": func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 3072) },
	}
	for kind, generate := range keys {
		key, err := generate()
		if err != nil {
			t.Fatal(err)
		}
		for _, hash := range detachedHashes {
			t.Run(kind+" "+hashNames[hash], func(t *testing.T) { bareSigned(t, key, hash) })
		}
	}
}

func bareSigned(t *testing.T, key crypto.Signer, hash crypto.Hash) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	doc := []byte("what was signed")
	digest := digests{doc: doc}.of(hash)
	signature, err := key.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	o := VerifyOptions{File: write("file", doc), Signature: write("file.sig", signature),
		Key: write("key.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
	want := hashNames[hash] + ":" + hex.EncodeToString(digest)
	res, err := VerifyBundle(context.Background(), o)
	if err != nil || res.Digest != want {
		t.Fatalf("by file: got %+v, %v, want %s", res, err, want)
	}
	byDigest := o
	byDigest.File, byDigest.Digest = "", want
	if res, err := VerifyBundle(context.Background(), byDigest); err != nil || res.Digest != want {
		t.Errorf("by digest: got %+v, %v", res, err)
	}
	write("file", append(doc, '!'))
	_, err = VerifyBundle(context.Background(), o)
	wantCode(t, err, "bad_signature")
}
