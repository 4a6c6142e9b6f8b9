package trust

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lullhq/lull/trust/internal/strict"
)

// The limits of documents and packages.
const (
	maxDocument  = 4 << 20 // bytes of a manifest or update document
	maxFiles     = 10_000
	maxPackage   = 4 << 30 // bytes of all payload files
	maxArtifact  = 256 << 30
	maxArguments = 64
)

// refusedComponents are never updated by lull, whatever a vendor file says: a
// mistake there can leave a machine that does not start.
var refusedComponents = []string{"driver", "firmware", "bios"}

// components are those that a manifest may name.
var components = []string{"user_mode_app", "system_packages"}

// ParseManifest reads and checks manifest.json by itself: nothing about who
// signed it or whether the machine allows it. The error names the line; it is
// ErrManifest, ErrComponent or ErrTooLarge.
func ParseManifest(data []byte) (*Manifest, error) {
	m, f := parseManifest("manifest.json", data)
	return m, f.err()
}

func parseManifest(file string, data []byte) (*Manifest, *faults) {
	f := &faults{why: ErrManifest, file: file}
	m := &Manifest{}
	if len(data) > maxDocument {
		f.addAs(ErrTooLarge, "", "", "larger than %d bytes", maxDocument)
		return m, f
	}
	root, err := strict.ParseJSON(data)
	if !f.decode(root, err, m) {
		return m, f
	}
	m.check(f)
	m.fillDefaults(root)
	return m, f
}

// fillDefaults makes download and complete repeatable unless the manifest says
// otherwise.
func (m *Manifest) fillDefaults(root *strict.Node) {
	for _, kind := range []string{"download", "complete"} {
		a, ok := m.Actions[kind]
		if ok && root.At("actions", kind, "idempotent") == nil {
			a.Idempotent = true
			m.Actions[kind] = a
		}
	}
}

func (m *Manifest) check(f *faults) {
	f.oneOf("apiVersion", m.APIVersion, apiVersion)
	f.oneOf("kind", m.Kind, "Updater")
	m.checkNames(f)
	m.checkComponent(f)
	checkTimes(f, m.Created, m.Expires)
	m.checkPayload(f)
	m.checkActions(f)
	m.checkSandbox(f)
	f.between("priority", int64(m.Priority), 0, 1000)
	f.between("retry.max_attempts", int64(m.Retry.MaxAttempts), 0, 1000)
	f.between("retry.initial_seconds", int64(m.Retry.InitialSeconds), 0, 30*24*3600)
	f.between("retry.max_seconds", int64(m.Retry.MaxSeconds), 0, 30*24*3600)
}

func (m *Manifest) checkNames(f *faults) {
	if !updaterID.matches(m.ID) {
		f.add("id", "write it like com.example.reader", "%q is not a reverse domain name", m.ID)
	}
	if !vendorName.matches(m.Vendor) {
		f.add("vendor", "write the name of the vendor file", "%q is not a vendor name", m.Vendor)
	}
	if !validVersion(m.Version) {
		f.add("version", "write it like 3.1.0", "%q is not a SemVer version", m.Version)
	}
	if m.DisplayName != "" {
		f.text("display_name", m.DisplayName, 200)
	}
	checkPlatform(f, m.Platform)
}

func (m *Manifest) checkComponent(f *faults) {
	if slices.Contains(refusedComponents, strings.ToLower(m.Component)) {
		f.addAs(ErrComponent, "component", "lull updates user-mode software only", "%q", m.Component)
		return
	}
	f.oneOf("component", m.Component, components...)
}

func checkPlatform(f *faults, platform string) {
	os, arch, ok := strings.Cut(platform, "/")
	if platform != "any" && (!ok || !shortName.matches(os) || !shortName.matches(arch)) {
		f.add("platform", "write it like linux/amd64, or any", "%q is not a platform", platform)
	}
}

func checkTimes(f *faults, created, expires time.Time) {
	switch {
	case created.IsZero():
		f.add("created", "write it as 2027-01-31T00:00:00Z", "missing")
	case expires.IsZero():
		f.add("expires", "write it as 2027-01-31T00:00:00Z; it protects against being frozen at an old version", "missing")
	case !expires.After(created):
		f.add("expires", "make it later than created", "%s is not after %s", expires.Format(time.RFC3339), created.Format(time.RFC3339))
	}
}

func (m *Manifest) checkPayload(f *faults) {
	if len(m.Payload) == 0 || len(m.Payload) > maxFiles {
		f.add("payload", "`lull pack` fills it in", "%d files, want 1 to %d", len(m.Payload), maxFiles)
	}
	var total int64
	paths := make([]string, len(m.Payload))
	for i, file := range m.Payload {
		at := fmt.Sprintf("payload.%d", i)
		paths[i] = file.Path
		file.check(f, at)
		if total += max(0, min(file.Size, maxPackage+1)); total > maxPackage {
			f.addAs(ErrTooLarge, at, "", "the payload is larger than %d bytes", int64(maxPackage))
			break
		}
	}
	if a, b, found := collision(paths); found {
		f.add("payload", "rename one of them", "%q and %q are the same path on some systems", a, b)
	}
}

func (file File) check(f *faults, at string) {
	if why := badPath(file.Path); why != "" {
		f.add(at+".path", "write a path relative to the package", "%q %s", clip(file.Path), why)
	}
	if reserved(file.Path) {
		f.add(at+".path", "rename the file", "%q is a name of the package format", file.Path)
	}
	if !validDigest(file.SHA256) {
		f.add(at+".sha256", "`lull pack` fills it in", "%q is not 64 lower-case hex digits", clip(file.SHA256))
	}
	if file.Size < 0 {
		f.add(at+".size", "`lull pack` fills it in", "%d is negative", file.Size)
	}
	if file.Mode != "" {
		f.oneOf(at+".mode", file.Mode, ModeExec, ModeData)
	}
}

// reserved tells whether a path belongs to the package format itself.
func reserved(path string) bool {
	return path == manifestName || path == manifestName+bundleSuffix || path == manifestName+detachedSuffix ||
		!strings.Contains(path, "/") && strings.HasSuffix(path, attestationSuffix)
}

// The names of the package format.
const (
	manifestName      = "manifest.json"
	bundleSuffix      = ".sigstore.json"
	detachedSuffix    = ".sig"
	attestationSuffix = ".intoto.sigstore.json"
)

func (m *Manifest) checkActions(f *faults) {
	m.checkExec(f, "scan.exec", m.Scan.Exec)
	f.between("scan.every_minutes", int64(m.Scan.EveryMinutes), 0, 366*1440)
	f.between("scan.min_gap_minutes", int64(m.Scan.MinGapMinutes), 0, 366*1440)
	f.between("scan.max_seconds", int64(m.Scan.MaxSeconds), 0, 24*3600)
	for _, kind := range sortedKeys(m.Actions) {
		a, at := m.Actions[kind], "actions."+kind
		if !slices.Contains(Kinds[1:], kind) {
			f.add(at, "write one of "+strings.Join(Kinds[1:], ", "), "unknown action")
		}
		m.checkExec(f, at+".exec", a.Exec)
		f.between(at+".disk_bytes", a.DiskBytes, 0, 1<<50)
		f.between(at+".max_seconds", int64(a.MaxSeconds), 0, 7*24*3600)
		f.between(at+".estimated_seconds", int64(a.EstimatedSeconds), 0, 7*24*3600)
	}
}

// checkExec insists that the program is a payload file of mode exec: argv is
// as much a part of what runs as the bytes are.
func (m *Manifest) checkExec(f *faults, at string, argv []string) {
	if len(argv) == 0 || len(argv) > maxArguments {
		f.add(at, "write the program's payload path, then its arguments", "%d words, want 1 to %d", len(argv), maxArguments)
		return
	}
	for i, arg := range argv {
		if strings.ContainsRune(arg, 0) || len(arg) > 4096 {
			f.add(fmt.Sprintf("%s.%d", at, i), "", "longer than 4096 bytes or contains NUL")
		}
	}
	i := slices.IndexFunc(m.Payload, func(file File) bool { return file.Path == argv[0] })
	if i < 0 {
		f.add(at+".0", "name a file of the payload", "%q is not in the payload", clip(argv[0]))
	} else if !m.Payload[i].Executable() {
		f.add(at+".0", `give it "mode": "exec"`, "%q is not executable", argv[0])
	}
}

func (m *Manifest) checkSandbox(f *faults) {
	for i, dir := range m.Sandbox.Write {
		at := fmt.Sprintf("sandbox.write.%d", i)
		if why := badDir(dir); why != "" {
			f.add(at, "", "%q %s", clip(dir), why)
		}
		for _, other := range m.Sandbox.Write[:i] {
			if nested(dir, other) {
				f.add(at, "keep the outer one", "%q and %q overlap", dir, other)
			}
		}
	}
	for i, kind := range m.Sandbox.Network {
		f.oneOf(fmt.Sprintf("sandbox.network.%d", i), kind, Kinds...)
	}
	f.between("sandbox.memory_bytes", m.Sandbox.MemoryBytes, 0, 1<<40)
	f.between("sandbox.tasks", int64(m.Sandbox.Tasks), 0, 10_000)
}

// clip shortens foreign text for an error.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
