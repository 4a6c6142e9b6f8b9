package runner

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseScanTakesAnHonestList(t *testing.T) {
	got, err := ParseScan([]byte(`{"updates":[{"id":"reader-12.4","version":"12.4.0","title":"Reader 12.4","security":true,
		"deadline":"2026-12-01T00:00:00Z","size_bytes":250,"restart":"app","document":"reader-12.4.json","state":{"n":1,"N":2}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	u := got.Updates[0]
	if u.ID != "reader-12.4" || u.Restart != restartApp || u.Deadline.Year() != 2026 || string(u.State) != `{"n":1,"N":2}` {
		t.Errorf("got %+v", u)
	}
	if got, err := ParseScan([]byte(`{"updates":[]}`)); err != nil || len(got.Updates) != 0 {
		t.Errorf("an empty list: got %v, %v", got, err)
	}
}

func TestParseScanRefusesHostileOutputAndNamesThePlace(t *testing.T) {
	one := func(members string) string { return `{"updates":[{"id":"a","version":"1.0.0",` + members + `}]}` }
	many := strings.Repeat(`{"id":"x","version":"1.0.0"},`, MaxScanUpdates) + `{"id":"y","version":"1.0.0"}`
	for name, c := range map[string]struct{ out, want string }{
		"nothing":                 {"", "ends early"},
		"not JSON":                {"hello", "byte"},
		"two documents":           {`{"updates":[]}{"updates":[]}`, "something follows"},
		"no list":                 {`{}`, `"updates" is missing`},
		"null list":               {`{"updates":null}`, `"updates" is missing`},
		"unknown member":          {one(`"run":"rm"`), `"run"`},
		"duplicate member":        {one(`"id":"b"`), "twice"},
		"same member in capitals": {one(`"ID":"b"`), "twice"},
		"wrong type":              {one(`"size_bytes":"12"`), "size_bytes"},
		"negative size":           {one(`"size_bytes":-1`), "negative"},
		"version not SemVer":      {`{"updates":[{"id":"a","version":"new"}]}`, "SemVer"},
		"id with a slash":         {`{"updates":[{"id":"../a","version":"1.0.0"}]}`, "id"},
		"id twice":                {`{"updates":[{"id":"a","version":"1.0.0"},{"id":"a","version":"1.0.0"}]}`, "listed twice"},
		"escape in title":         {one(`"title":"a\u001b[31m"`), "control character"},
		"bidi in title":           {one(`"title":"a\u202eb"`), "control character"},
		"long title":              {one(`"title":"` + strings.Repeat("a", maxScanString+1) + `"`), "longer than 200"},
		"document escapes":        {one(`"document":"../../etc/passwd"`), "document"},
		"absolute document":       {one(`"document":"/etc/passwd"`), "document"},
		"unknown restart":         {one(`"restart":"firmware"`), "restart"},
		"too many updates":        {`{"updates":[` + many + `]}`, "at most 256"},
		"too much state":          {one(`"state":"` + strings.Repeat("s", maxScanState) + `"`), "state"},
		"too much of all":         {strings.Repeat(" ", MaxScanBytes+1), "larger than"},
		"not UTF-8":               {"{\"updates\":[],\"\xff\":1}", "UTF-8"},
		"deep nesting":            {`{"updates":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "nested deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseScan([]byte(c.out))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			if len(got.Updates) != 0 {
				t.Errorf("returned %d updates beside the error", len(got.Updates))
			}
		})
	}
}

func FuzzParseScan(f *testing.F) {
	f.Add([]byte(`{"updates":[{"id":"a","version":"1.0.0","state":{}}]}`))
	f.Add([]byte(`{"updates":[{"id":"a","version":"1.0.0"},{"id":"b","version":"1.0.0"}]}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		res, err := ParseScan(out)
		if err != nil && len(res.Updates) > 0 {
			t.Fatalf("updates beside the error %v", err)
		}
		seen := map[string]bool{}
		for _, u := range res.Updates {
			if seen[u.ID] || !validUpdateID(u.ID) || u.Document != "" && !localFile(u.Document) {
				t.Fatalf("let through %+v", u)
			}
			seen[u.ID] = true
		}
	})
}

func ExampleParseScan() {
	_, err := ParseScan([]byte(`{"updates":[{"id":"a","version":"1.0.0","title":"\u0007"}]}`))
	fmt.Println(err)
	// Output: scan output: updates[0]: title: contains the control character U+0007
}
