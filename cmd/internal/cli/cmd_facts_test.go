package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lullhq/lull/facts"
)

func TestDescribedFactsAreThoseOfTheCatalogue(t *testing.T) {
	var out, talk bytes.Buffer
	a := &app{out: &out, err: &talk, env: func(string) string { return "" }}
	if code := a.run(context.Background(), []string{"--root", t.TempDir(), "facts", "--describe", "-o", "json"}); code != exitDone {
		t.Fatalf("exit %d: %s", code, &talk)
	}
	var got struct{ Facts []map[string]any }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	for _, d := range facts.Catalogue() {
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		one := map[string]any{}
		if err := json.Unmarshal(data, &one); err != nil {
			t.Fatal(err)
		}
		if d.MaxAge > 0 {
			one["max_age_seconds"] = d.MaxAge.Seconds()
		}
		want = append(want, one)
	}
	if diff := cmp.Diff(want, got.Facts); diff != "" {
		t.Errorf("described facts (-catalogue +described):\n%s", diff)
	}
}
