//go:build linux

package facts

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// busReply is a method return of D-Bus whose body is data, of a signature, as it
// comes off the socket (D-Bus Specification, "Message Format").
func busReply(signature string, data []byte) []byte {
	fields := []byte{5, 1, 'u', 0, 1, 0, 0, 0, 8, 1, 'g', 0, byte(len(signature))} // REPLY_SERIAL, SIGNATURE
	fields = append(append(fields, signature...), 0)
	m := []byte{'l', 2, 0, 1}
	m = binary.LittleEndian.AppendUint32(m, uint32(len(data)))
	m = binary.LittleEndian.AppendUint32(m, 1)
	m = binary.LittleEndian.AppendUint32(m, uint32(len(fields)))
	m = append(m, fields...)
	for len(m)%8 != 0 {
		m = append(m, 0)
	}
	return append(m, data...)
}

// storeReply decodes a reply into v as a call would.
func storeReply(signature string, data []byte, v any) error {
	m, err := dbus.DecodeMessage(bytes.NewReader(busReply(signature, data)))
	if err != nil {
		return err
	}
	return dbus.Store(m.Body, v)
}

// body encodes a seed: the body of a message with one value.
func body(t testing.TB, v any) []byte {
	t.Helper()
	m := &dbus.Message{Type: dbus.TypeMethodReply, Body: []any{v}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(v)),
	}}
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	size := binary.LittleEndian.Uint32(out.Bytes()[4:])
	return out.Bytes()[out.Len()-int(size):]
}

// FuzzBusReplies lets a service answer anything to every question that is put
// on the system bus. No answer may panic; one that does not say what a session
// is, or which profile is active, is an error and not an absence.
func FuzzBusReplies(f *testing.F) {
	variants := func(m map[string]any) props {
		p := props{}
		for k, v := range m {
			p[k] = dbus.MakeVariant(v)
		}
		return p
	}
	f.Add(body(f, map[string]dbus.Variant(variants(map[string]any{
		"Class": "user", "Type": "wayland", "State": "active", "VTNr": uint32(2), "Remote": false, "LockedHint": true, "IdleHint": true, "TimestampMonotonic": uint64(5),
	}))))
	f.Add(body(f, map[string]dbus.Variant(variants(map[string]any{
		"Metered": uint32(4), "Connectivity": uint32(4), "State": uint32(70), "ActiveProfile": "power-saver", "LidClosed": true, "PreparingForSleep": true,
	}))))
	f.Add(body(f, map[string]dbus.Variant(variants(map[string]any{"Class": 7, "Metered": "yes", "ActiveProfile": true, "LidClosed": "shut"}))))
	f.Add(body(f, []listedSession{{"2", 1000, "alice", "seat0", "/org/freedesktop/login1/session/_32"}}))
	f.Add(body(f, []listedInhibitor{{"idle:sleep", "film", "playing", "block", 1000, 7}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p props
		if storeReply("a{sv}", data, &p) == nil {
			checkProps(t, p)
		}
		var listed []listedSession
		if storeReply("a(susso)", data, &listed) == nil {
			for _, l := range listed {
				if s, err := sessionOf(l, p); err == nil && s.ID != l.ID {
					t.Errorf("session %+v of %+v", s, l)
				}
			}
		}
		var held []listedInhibitor
		if storeReply("a(ssssuu)", data, &held) == nil {
			l := &logindState{Inhibitors: inhibitorsOf(held)}
			if _, blocks := l.inhibited("sleep"), l.holders(); len(blocks) > len(held) {
				t.Errorf("%d holders of %d", len(blocks), len(held))
			}
		}
		var signal []any
		if m, err := dbus.DecodeMessage(bytes.NewReader(busReply("sa{sv}as", data))); err == nil {
			signal = m.Body
		}
		sig := &dbus.Signal{Name: propsIface + "PropertiesChanged", Path: "/org/freedesktop/login1/session/_32", Body: signal}
		if takesBackIdle(sig) && len(signal) < 2 {
			t.Error("a signal without a body takes an idle hint back")
		}
		b := newBus(&root{}, &Options{SystemBus: "-"})
		b.changed(sig)
		b.changed(&dbus.Signal{Name: busDriver + ".NameOwnerChanged", Body: signal})
	})
}

func checkProps(t *testing.T, p props) {
	s, err := sessionOf(listedSession{ID: "2"}, p)
	if _, said := p["Remote"].Value().(bool); err == nil && (s.Class == "" || s.Kind == "" || s.State == "" || !said) {
		t.Errorf("session %+v of %v", s, p)
	}
	if began := beganAt(p["TimestampMonotonic"].Value(), time.Hour, time.Minute); began < 0 || began > time.Hour {
		t.Errorf("a session began at %v of %v", began, p["TimestampMonotonic"])
	}
	if s, ok, err := upsOf("/ups", p); ok && (err != nil || s.kind != "UPS" || s.status == "") {
		t.Errorf("supply %+v (%v) of %v", s, err, p)
	}
	if name, err := profileOf(p); err == nil && name == "" {
		t.Error("the profile is nothing")
	}
	n := managerOf(p)
	for key, v := range map[string]*uint32{"Metered": n.Metered, "Connectivity": n.Connectivity, "State": n.State} {
		if _, ok := p[key].Value().(uint32); ok != (v != nil) {
			t.Errorf("%s is %v, of %v", key, v, p[key])
		}
	}
	if l := seatsOf(p); l.LidClosed != nil {
		if v, ok := p["LidClosed"].Value().(bool); !ok || v != *l.LidClosed {
			t.Errorf("the lid is %v, of %v", *l.LidClosed, p["LidClosed"])
		}
	}
}

// FuzzMachine puts any bytes into any file of a machine. Its facts must still
// fit the schema, and nothing may panic; answers that cannot be are refused.
func FuzzMachine(f *testing.F) {
	archive, err := os.ReadFile("testdata/planted.txtar")
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	if err := Extract(archive, dir); err != nil {
		f.Fatal(err)
	}
	files := regularFiles(f, dir)
	schemas := compiled(f, Schema(), MetaSchema())
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(i), data)
	}
	f.Fuzz(func(t *testing.T, which uint16, data []byte) {
		file := files[int(which)%len(files)]
		old, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.WriteFile(file, old, 0o644); err != nil {
				t.Fatal(err)
			}
		}()
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		g, err := New(Options{Root: dir, SystemBus: "-", Now: func() time.Time { return time.Unix(1790000000, 0) }})
		if _, wrong := parseCaptured(data); filepath.Base(file) == capturedFile && wrong != nil {
			if err == nil {
				t.Error("answers that cannot be are believed")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		s := g.Snapshot(context.Background(), nil, Target{Path: "/"})
		for i, doc := range []any{s.Facts(), s.Meta()} {
			if err := schemas[i].Validate(asJSON(t, doc)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		for f := range declared {
			if c, ok := s.cell(fact(f)); ok && c.state == cellKnown && c.origin == nil {
				t.Errorf("%s is known from nobody", declared[f].ID)
			}
		}
		if err := Capture(context.Background(), new(bytes.Buffer), dir); err != nil {
			t.Errorf("capture: %v", err)
		}
	})
}

func regularFiles(t testing.TB, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	slices.Sort(files)
	return files
}

func compiled(t testing.TB, schemas ...map[string]any) (all []*jsonschema.Schema) {
	t.Helper()
	for _, s := range schemas {
		c := jsonschema.NewCompiler()
		if err := c.AddResource("s.json", asJSON(t, s)); err != nil {
			t.Fatal(err)
		}
		all = append(all, c.MustCompile("s.json"))
	}
	return all
}

func asJSON(t testing.TB, v any) (out any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzLocal lets an administrator's files hold anything: a fact is known only if
// it is of its type, within its bounds and one of the values allowed.
func FuzzLocal(f *testing.F) {
	f.Add([]byte(`{"rack": {"type": "integer", "minimum": 1, "maximum": 9}}`), []byte(`{"rack": {"value": 10}}`))
	f.Add([]byte(`{"shift": {"type": "list", "enum": ["day", "night"]}}`), []byte(`{"shift": {"value": ["day", 3], "max_age_seconds": 60}}`))
	f.Add([]byte(`{"on": {"type": "boolean", "max_age_seconds": 5}, "s": {"type": "string", "enum": []}}`), []byte(`{"on": {"value": 1}, "s": {"value": "x"}}`))
	f.Add([]byte(`{"n": {"type": "number"}, "rack": {"type": "integer"}}`), []byte(`{"n": {"value": 1e999}, "rack": {"value": 1.5}}`))
	f.Fuzz(func(t *testing.T, types, data []byte) {
		descs, err := parseLocalTypes(types)
		entries, err2 := parseLocal(data)
		if err != nil || err2 != nil {
			return
		}
		now := time.Unix(1790000000, 0)
		for name, e := range entries {
			d, typed := descs[name]
			if v := e.typed(d, "f", now, now); v.State == Known && (!typed || !fits(d, v.V)) {
				t.Errorf("%s of type %+v is %v", name, d, v.V)
			}
		}
	})
}

// fits is what Desc.accept has to see to, put another way.
func fits(d Desc, v any) bool {
	allowed := func(s string) bool { return d.Enum == nil || slices.Contains(d.Enum, s) }
	bounded := func(f float64) bool { return (d.Min == nil || f >= *d.Min) && (d.Max == nil || f <= *d.Max) }
	switch v := v.(type) {
	case bool:
		return d.Type == Boolean
	case int64:
		return d.Type == Integer && bounded(float64(v))
	case float64:
		return d.Type == Number && bounded(v) && v-v == 0 // finite
	case string:
		return d.Type == String && allowed(v)
	case []string:
		return d.Type == List && !slices.ContainsFunc(v, func(s string) bool { return !allowed(s) })
	}
	return false
}

// FuzzRecord opens a record that holds anything: what is added afterwards is
// there, whole.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("{\"t\":1790000000,\"f\":{\"cpu.cores\":3}}\n{\"t\":17"))
	f.Add([]byte("\x00\x00\n{\"t\":-5,\"f\":{}}\n{\"t\":99999999999999,\"f\":{\"a\":null}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "facts.jsonl"), data, 0o640); err != nil {
			t.Fatal(err)
		}
		r, err := OpenRecorder(dir)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(1790000000, 0)
		if err := r.Add(factsAt(now, 99)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		var last Record
		for rec := range ReadRecords(dir, time.Time{}) {
			last = rec
		}
		if last.Facts["cpu.cores"] != 99.0 || !last.Time.Equal(now) {
			t.Errorf("the last record is %+v, want ours", last)
		}
	})
}

// foreignTypes are those that hold little but what comes from outside.
var foreignTypes = []string{"[]byte", "[]any", "*dbus.Signal", "*dbus.Message", "dbus.Variant", "props", "listedSession", "[]listedSession", "[]listedInhibitor", "wlMessage"}

// foreign are the names that parameters with bytes of the kernel, of a service
// or of a peer bear here; what is called parse or takes one of them must be in a
// fuzz target.
var foreign = []string{"cgroup", "characteristics", "data", "environ", "events", "held", "msg", "property", "reply", "stat", "usec"}

// notParsers take foreign bytes only to hand them on; each is reached by the
// target that is named.
var notParsers = map[string]string{
	"addLocalTypes": "parseLocalTypes", "decodeStrictly": "parseLocal", "handle": "inotifyEvents", "heard": "ueventSubsystem", "storeKB": "parseMeminfo",
	"serviceOf": "FuzzBusReplies through changed", "extractFile": "Extract unpacks what its caller chose", "fetchSession": "sessionOf",
	"containerVariable": "FuzzMachine through Capture", "LoadCaptured": "FuzzMachine, of what Extract unpacks", "line": "parseCPUStat and others",
	"acceptList": "FuzzLocal through typed", "eventTime": "lastEvent", "askDevice": "it takes what is to be asked",
	"event": "FuzzWayland through follow", "displayEvent": "FuzzWayland through follow", "registryEvent": "FuzzWayland through follow",
	"syncRequest": "it writes",
}

// A parser that nobody feeds garbage is found here.
func TestEveryParserHasAFuzzTarget(t *testing.T) {
	unused := maps.Clone(notParsers)
	for _, dir := range []string{".", "agent"} {
		parsers, fed := map[string]string{}, map[string]bool{}
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) < 5 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range tree.Decls {
				fn, ok := d.(*ast.FuncDecl)
				switch {
				case !ok || fn.Body == nil:
				case !strings.HasSuffix(file, "_test.go") && takesForeignBytes(fn):
					parsers[fn.Name.Name] = file
				case strings.HasPrefix(fn.Name.Name, "Fuzz") || strings.HasPrefix(fn.Name.Name, "check"):
					ast.Inspect(fn, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok {
							fed[id.Name] = true
						}
						return true
					})
				}
			}
		}
		if least := map[string]int{".": 30, "agent": 8}[dir]; len(parsers) < least {
			t.Errorf("%s: %d parsers found, want at least %d: %v", dir, len(parsers), least, parsers)
		}
		for _, name := range slices.Sorted(maps.Keys(parsers)) {
			delete(unused, name)
			if _, other := notParsers[name]; !fed[name] && !other {
				t.Errorf("%s: %s takes bytes from outside, and no fuzz target calls it", parsers[name], name)
			}
		}
	}
	if len(unused) > 0 {
		t.Errorf("these are said to be no parsers, and are not there: %v", unused)
	}
}

func takesForeignBytes(fn *ast.FuncDecl) bool {
	if strings.HasPrefix(fn.Name.Name, "parse") {
		return true
	}
	for _, p := range fn.Type.Params.List {
		kind := typeName(p.Type)
		if slices.Contains(foreignTypes, kind) {
			return true
		}
		for _, name := range p.Names {
			if slices.Contains(foreign, name.Name) && (kind == "string" || kind == "any" || kind == "map") {
				return true
			}
		}
	}
	return false
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.ArrayType:
		return "[]" + typeName(e.Elt)
	case *ast.MapType:
		return "map"
	case *ast.StarExpr:
		return "*" + typeName(e.X)
	case *ast.SelectorExpr:
		return typeName(e.X) + "." + e.Sel.Name
	}
	return ""
}
