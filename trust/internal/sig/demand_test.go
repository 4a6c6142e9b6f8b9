package sig

import (
	"os"
	"strings"
	"testing"

	"github.com/lullhq/lull/trust/internal/sigtest"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
)

// evasions are one attack on each demand that is made of sigstore-go: with the
// demand it must fail, without it it must succeed.
var evasions = map[demand]func(t *testing.T, without demand) error{
	demandLog: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		return evade(t, s, without, s.Parts(workflow, issuer, theFile), func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries = nil }, nil)
	},
	demandTime: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		return evade(t, s, without, s.Parts(workflow, issuer, theFile), func(b *protobundle.Bundle) {
			b.VerificationMaterial.TimestampVerificationData = nil
			for _, e := range b.VerificationMaterial.TlogEntries {
				e.InclusionPromise, e.IntegratedTime = nil, 0
			}
		}, nil)
	},
	demandSCT: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		s.OmitSCT()
		return evade(t, s, without, s.Parts(workflow, issuer, theFile), nil, nil)
	},
	demandIdentity: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		return evade(t, s, without, s.Parts("https://github.com/evil/x", issuer, theFile), nil, nil)
	},
	demandAnchors: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		return evade(t, s, without, s.Parts("https://github.com/evil/x@"+workflow+"-evil", issuer, theFile), nil, identity(t, "", strings.ReplaceAll(workflow, ".", `\.`)))
	},
	demandExtensions: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		id, err := NewIdentity(issuer, workflow, "", map[string]string{"runnerEnvironment": "self-hosted"})
		if err != nil {
			t.Fatal(err)
		}
		return evade(t, s, without, s.Parts(workflow, issuer, theFile), nil, id)
	},
	demandArtifact: func(t *testing.T, without demand) error {
		s := sigtest.New(t)
		b := parsed(t, s.Attest(workflow, issuer, statementOver(sha([]byte("another file")).Digest)))
		b.without = without
		_, err := b.VerifyIdentity(identity(t, workflow, ""), rootOf(t, s), sha(theFile))
		return err
	},
}

var theFile = []byte("a file")

// evade verifies an edited bundle over theFile, leaving one demand out.
func evade(t *testing.T, s *sigtest.Sigstore, without demand, parts *protobundle.Bundle, edit func(*protobundle.Bundle), id *Identity) error {
	t.Helper()
	if edit != nil {
		edit(parts)
	}
	if id == nil {
		id = identity(t, workflow, "")
	}
	b := parsed(t, sigtest.JSON(t, parts))
	b.without = without
	_, err := b.VerifyIdentity(id, rootOf(t, s), sha(theFile))
	return err
}

func TestEveryDemandIsMissedWhenItIsLeftOut(t *testing.T) {
	source, err := os.ReadFile("demand.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(source)) {
		_, value, ok := strings.Cut(line, `demand = "`)
		if !ok {
			continue
		}
		n++
		d := demand(strings.TrimSuffix(strings.TrimSpace(value), `"`))
		t.Run(string(d), func(t *testing.T) {
			attack := evasions[d]
			if attack == nil {
				t.Fatal("no attack on it")
			}
			if attack(t, "") == nil {
				t.Error("the attack succeeds although the demand is made")
			}
			if err := attack(t, d); err != nil {
				t.Errorf("the attack still fails without the demand, so its test proves nothing: %v", err)
			}
		})
	}
	if n != len(evasions) {
		t.Errorf("%d demands and %d attacks", n, len(evasions))
	}
}

// TestAKeyThatMustBeLoggedIsNotBelievedWithoutItsLog is the same for keys: the
// root given is what makes log and time a demand.
func TestAKeyThatMustBeLoggedIsNotBelievedWithoutItsLog(t *testing.T) {
	s := sigtest.New(t)
	private, public, err := GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ParsePrivateKey(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := SignBlob(t.Context(), signer, theFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed(t, raw).VerifyKey(pub, nil, sha(theFile)); err != nil {
		t.Errorf("without a root: %v", err)
	}
	if _, err := parsed(t, raw).VerifyKey(pub, rootOf(t, s), sha(theFile)); err == nil {
		t.Error("believed without a log entry")
	}
}
