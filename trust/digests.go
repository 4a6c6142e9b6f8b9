package trust

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// detachedHashes are tried in turn for a signature that does not say which it
// is over.
var detachedHashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// digests gives the digest of one document under the hash that a bundle needs.
type digests struct {
	doc    []byte
	sha256 string // when only this is known, in hex
}

func (d digests) of(h crypto.Hash) []byte {
	if d.doc == nil {
		b, _ := hex.DecodeString(d.sha256)
		return b
	}
	w := h.New()
	w.Write(d.doc)
	return w.Sum(nil)
}

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// bareSignature accepts the raw form of openssl and the base64 form of cosign.
func bareSignature(data []byte) []byte {
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data))); err == nil {
		return raw
	}
	return data
}
