package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/semver"
)

// Limits of a scan's output, CONTRACTS section 5. Excess is a failure of the
// scan that says which limit, never a truncation: half a list of updates
// would supersede the other half.
const (
	MaxScanBytes   = 1 << 20
	MaxScanUpdates = 256
	maxScanString  = 200
	maxScanState   = 64 << 10
	scanLevels     = 3 // the document, its list, one update: members of ours
)

// ScanUpdate is one pending update as an updater's scan prints it. Nothing in
// it is signed: it can name an update, ask for a restart or a deadline, and
// point to a signed document, but it vouches for no byte.
type ScanUpdate struct {
	ID        string          `json:"id"`
	Title     string          `json:"title,omitempty"`
	Version   string          `json:"version"`
	From      string          `json:"from,omitempty"`
	Security  bool            `json:"security,omitempty"`
	Deadline  *time.Time      `json:"deadline,omitempty"`
	SizeBytes int64           `json:"size_bytes,omitempty"`
	Restart   string          `json:"restart,omitempty"`  // none (default), app, session, system
	Document  string          `json:"document,omitempty"` // file below the staging directory
	State     json.RawMessage `json:"state,omitempty"`    // opaque, handed back to each later action
}

// ScanResult is what a scan prints on standard output: one JSON document.
type ScanResult struct {
	Updates []ScanUpdate `json:"updates"`
}

// ParseScan reads the output of a scan, which is hostile until proven
// otherwise: unknown or duplicate members, a second document, control
// characters, over-long strings and every excess over the limits are errors
// that name the member. It never returns part of a list.
func ParseScan(out []byte) (ScanResult, error) {
	var res ScanResult
	if len(out) > MaxScanBytes {
		return res, fmt.Errorf("scan output is larger than %d bytes", MaxScanBytes)
	}
	if !utf8.Valid(out) {
		return res, errors.New("scan output is not UTF-8")
	}
	if err := noDuplicateKeys(out); err != nil {
		return res, fmt.Errorf("scan output: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&res); err != nil {
		return ScanResult{}, fmt.Errorf("scan output: %w", plainJSONError(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return ScanResult{}, errors.New("scan output: something follows the JSON document; print exactly one, and talk on standard error")
	}
	if res.Updates == nil {
		return ScanResult{}, errors.New(`scan output: "updates" is missing; print {"updates": []} when there is nothing to do`)
	}
	if len(res.Updates) > MaxScanUpdates {
		return ScanResult{}, fmt.Errorf("scan output lists %d updates; at most %d are taken", len(res.Updates), MaxScanUpdates)
	}
	seen := map[string]bool{}
	for i := range res.Updates {
		u := &res.Updates[i]
		if err := u.check(); err != nil {
			return ScanResult{}, fmt.Errorf("scan output: updates[%d]: %w", i, err)
		}
		if seen[u.ID] {
			return ScanResult{}, fmt.Errorf("scan output: updates[%d]: id %q is listed twice", i, u.ID)
		}
		seen[u.ID] = true
	}
	return res, nil
}

func (u *ScanUpdate) check() error {
	for _, s := range []struct{ name, v string }{
		{"id", u.ID}, {"title", u.Title}, {"version", u.Version}, {"from", u.From}, {"document", u.Document},
	} {
		if err := plainString(s.v); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if !validUpdateID(u.ID) {
		return fmt.Errorf("id %q: use 1 to 100 letters, digits, dots, dashes, plus signs and underscores, starting with a letter or digit", u.ID)
	}
	if !semver.IsValid("v" + u.Version) {
		return fmt.Errorf("version %q is not a SemVer version such as 12.4.0", u.Version)
	}
	if u.SizeBytes < 0 {
		return fmt.Errorf("size_bytes is negative: %d", u.SizeBytes)
	}
	if len(u.State) > maxScanState {
		return fmt.Errorf("state is %d bytes; at most %d are kept", len(u.State), maxScanState)
	}
	switch u.Restart {
	case "":
		u.Restart = restartNone
	case restartNone, restartApp, restartSession, restartSystem:
	default:
		return fmt.Errorf("restart is %q; it is one of none, app, session, system", u.Restart)
	}
	if u.Document != "" && !localFile(u.Document) {
		return fmt.Errorf("document %q is not a plain path below the staging directory", u.Document)
	}
	return nil
}

// Restart kinds of an update or of a result.
const (
	restartNone    = "none"
	restartApp     = "app"
	restartSession = "session"
	restartSystem  = "system"
)

// localFile reports whether p is a clean relative slash path without "..".
func localFile(p string) bool {
	return p != "." && path.Clean(p) == p && !path.IsAbs(p) && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\\\x00")
}

func validUpdateID(id string) bool {
	if id == "" || len(id) > 100 {
		return false
	}
	for i, r := range id {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._+-", r)) {
			return false
		}
	}
	return true
}

func plainString(s string) error {
	if utf8.RuneCountInString(s) > maxScanString {
		return fmt.Errorf("longer than %d characters", maxScanString)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return fmt.Errorf("contains the control character %U", r)
		}
	}
	return nil
}

// noDuplicateKeys refuses documents in which one object has one key twice:
// encoding/json keeps the last one, other readers the first.
func noDuplicateKeys(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	type level struct {
		keys  map[string]bool // nil inside an array
		isKey bool
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return plainJSONError(err)
		}
		top := len(stack) - 1
		if d, ok := tok.(json.Delim); ok {
			switch d {
			case '{':
				stack = append(stack, level{keys: map[string]bool{}, isKey: true})
			case '[':
				stack = append(stack, level{})
			default:
				stack = stack[:top]
				if top > 0 && stack[top-1].keys != nil {
					stack[top-1].isKey = true
				}
			}
			if len(stack) > 64 {
				return errors.New("nested deeper than 64 levels")
			}
			continue
		}
		if top < 0 || stack[top].keys == nil {
			continue
		}
		if !stack[top].isKey {
			stack[top].isKey = true
			continue
		}
		key, _ := tok.(string)
		if top < scanLevels {
			key = strings.ToLower(key) // encoding/json matches our members without case
		}
		if stack[top].keys[key] {
			return fmt.Errorf("key %q appears twice in one object", key)
		}
		stack[top].keys[key] = true
		stack[top].isKey = false
	}
}

// plainJSONError drops the package prefix and adds the place.
func plainJSONError(err error) error {
	var syn *json.SyntaxError
	if errors.As(err, &syn) {
		return fmt.Errorf("byte %d: %s", syn.Offset, syn.Error())
	}
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		return fmt.Errorf("byte %d: %s has type %s, want %s", typ.Offset, typ.Field, typ.Value, typ.Type)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("the document ends early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
