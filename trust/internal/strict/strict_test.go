package strict

import (
	"strings"
	"testing"
	"time"
)

type sample struct {
	Name  string         `json:"name"`
	Count int            `json:"count"`
	On    bool           `json:"on"`
	At    time.Time      `json:"at"`
	List  []string       `json:"list"`
	Map   map[string]int `json:"map"`
	Inner struct {
		Value int64 `json:"value"`
	} `json:"inner"`
	Hidden string `json:"-"`
}

func TestJSONAndYAMLReadTheSame(t *testing.T) {
	j, err := ParseJSON([]byte(`{"name":"a","count":3,"on":true,"at":"2027-01-31T00:00:00Z","list":["x"],"map":{"k":1},"inner":{"value":9}}`))
	if err != nil {
		t.Fatal(err)
	}
	y, err := ParseYAML([]byte("name: a\ncount: 3\non: true\nat: 2027-01-31T00:00:00Z\nlist: [x]\nmap: {k: 1}\ninner:\n  value: 9\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*Node{"JSON": j, "YAML": y} {
		var s sample
		if faults := Decode(n, &s); len(faults) > 0 {
			t.Fatalf("%s: %v", name, faults)
		}
		if s.Name != "a" || s.Count != 3 || !s.On || s.At.Year() != 2027 || s.List[0] != "x" || s.Map["k"] != 1 || s.Inner.Value != 9 {
			t.Errorf("%s: got %+v", name, s)
		}
	}
}

func TestWhatOtherParsersForgiveIsAFault(t *testing.T) {
	for text, want := range map[string]string{
		`{"name": "a", "name": "b"}`:      "duplicate key",
		`{"Name": "a"}`:                   `did you mean "name"?`,
		`{"nane": "a"}`:                   `did you mean "name"?`,
		`{"Hidden": "a"}`:                 "unknown key",
		`{"name": null}`:                  "null is not a value",
		`{"name": 1}`:                     "wants a string, got a number",
		`{"count": "1"}`:                  "wants a number, got a string",
		`{"count": 1.0}`:                  "wants a whole number",
		`{"count": 1e3}`:                  "wants a whole number",
		`{"count": 99999999999999999999}`: "wants a whole number",
		`{"at": "2027-01-31"}`:            "wants a time",
		`{"list": [1]}`:                   "list[0]",
		`{"inner": {"value": "x"}}`:       "inner.value",
		`{"name": "a"} x`:                 "more text",
		`{"name": "a"`:                    "ends too early",
		"\xef\xbb\xbf{}":                  "byte order mark",
		"{\"name\": \"\xff\"}":            "not UTF-8",
		"{\"name\": \"a\x00\"}":           "NUL",
		strings.Repeat("[", 100):          "nested deeper",
	} {
		n, err := ParseJSON([]byte(text))
		if err == nil {
			if faults := Decode(n, &sample{}); len(faults) > 0 {
				err = faults[0]
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestFaultsNameTheirLine(t *testing.T) {
	n, err := ParseJSON([]byte("{\n \"name\": \"a\",\n \"bad\": 1,\n \"inner\": {\n  \"value\": true\n }\n}"))
	if err != nil {
		t.Fatal(err)
	}
	faults := Decode(n, &sample{})
	if len(faults) != 2 || faults[0].Line != 3 || faults[1].Line != 5 || faults[1].Path != "inner.value" {
		t.Errorf("got %+v", faults)
	}
	if n.LineOf("inner", "value") != 5 || n.LineOf("inner", "gone") != 4 {
		t.Error("LineOf is wrong")
	}
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte("a: {b: [c, 1, true, 2027-01-31]}"))
	f.Add([]byte("a: &x [1]\nb: *x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := ParseYAML(data); err == nil {
			Decode(n, &sample{})
		}
	})
}
