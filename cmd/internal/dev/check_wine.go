package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// wineLimit bounds the whole stage, building included.
const wineLimit = 15 * time.Minute

// A winePackage has tests that say something about Windows: they call it, or
// depend on how it names, locks and removes files.
type winePackage struct {
	Dir  string
	Only []string // these tests; nil = all
	Skip []wineSkip
}

// A wineSkip is a test that is left out under Wine, and why.
type wineSkip struct{ Test, Why string }

var winePackages = []winePackage{
	{Dir: "./facts", Skip: []wineSkip{
		{"TestATypeThatOthersMayWriteIsNotBelieved", "sets permission bits; access lists are tested by TestFactsThatOthersMayChangeAreNotBelieved"},
	}},
	{Dir: "./runner/journal"},
	// The others start shell scripts, cosign or openssl, give files away, or
	// expect Linux's words and permissions: of vendor files access lists are
	// not read, as the package comment says.
	{Dir: "./trust", Only: []string{
		"TestVerifyBundleAnswersAboutAnySignature", "TestAKeylessPackageIsAdmitted", "TestKeylessPackagesOfOthersAreRefused",
		"TestAttestationsReachPolicy", "TestAnUpdateGoesFromDocumentToArtifacts", "TestAdmittingTwiceChangesNothing",
		"TestARestartFindsWhatWasStored", "TestATarIsAdmittedLikeItsDirectory", "TestATarThatDoesNotFitIsRefusedBeforeItIsUnpacked",
		"TestARevocationHoldsAtOnceAndInOtherProcesses", "TestADamagedRevocationStopsEverybody", "TestHostileSizesCostLittle",
	}},
}

// args choose the package's tests.
func (p winePackage) args() []string {
	var args, skip []string
	for _, s := range p.Skip {
		skip = append(skip, s.Test)
	}
	if len(p.Only) > 0 {
		args = append(args, "-run=^("+strings.Join(p.Only, "|")+")$")
	}
	if len(skip) > 0 {
		args = append(args, "-skip=^("+strings.Join(skip, "|")+")$")
	}
	return append(args, p.Dir)
}

// checkWine runs the tests of the Windows build under Wine, and the Windows
// binary itself, whose answers must be those of the one for this machine.
func checkWine(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wineLimit)
	defer cancel()
	w, err := startWine(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	overlay, err := w.overlay(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range winePackages {
		fmt.Print(p.Dir, " ")
		args := append([]string{"-exec=" + w.program, "-overlay=" + overlay, "-count=1", "-timeout=5m"}, p.args()...)
		errs = append(errs, goTestFor(ctx, w.env, args...))
	}
	return errors.Join(append(errs, w.checkBinary(ctx))...)
}

// wine is a Windows of its own, below the user's cache.
type wine struct {
	program, server string
	dir             string   // everything of it
	env             []string // to build for Windows and to run there
}

// startWine makes the Windows when it is not there yet, which takes some 20 seconds.
func startWine(ctx context.Context) (*wine, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	w := &wine{dir: filepath.Join(cache, "lull-dev", "wine")}
	if w.program, err = wineTool("wine64"); err != nil {
		return nil, err
	}
	if w.server, err = wineTool("wineserver64"); err != nil {
		return nil, err
	}
	prefix := filepath.Join(w.dir, "prefix")
	// Without a display, and without the parts of Wine that Debian packages apart.
	w.env = append(crossEnv("windows/amd64"), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")
	system := filepath.Join(prefix, "drive_c", "windows", "system32")
	if _, err := os.Stat(filepath.Join(system, prngDLL)); err == nil {
		return w, nil
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, err
	}
	if err := sh(ctx, w.env, w.program, "wineboot", "--init"); err != nil {
		return nil, err
	}
	if err := sh(ctx, w.env, w.server, "--wait"); err != nil {
		return nil, err
	}
	return w, makePRNG(ctx, system)
}

// wineTool finds a program of Wine, which Debian puts beside PATH.
func wineTool(name string) (string, error) {
	if file, err := exec.LookPath(name); err == nil {
		return file, nil
	}
	file := filepath.Join("/usr/lib/wine", name)
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("%s is not installed; run: apt install wine64 %s", name, mingwPackage)
	}
	return file, nil
}

const (
	prngDLL      = "bcryptprimitives.dll"
	mingwPackage = "binutils-mingw-w64-x86-64"
)

// makePRNG links the library that Go's runtime takes random numbers from and
// that Wine 8 lacks: one name, forwarded to the function that Wine has. It
// comes last into the system, and so marks that Windows as ready.
func makePRNG(ctx context.Context, system string) error {
	dir, err := os.MkdirTemp("", "lull-prng-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	def, dll := filepath.Join(dir, "prng.def"), filepath.Join(dir, prngDLL)
	const exports = "LIBRARY " + prngDLL + "\nEXPORTS\nProcessPrng = advapi32.SystemFunction036\n"
	if err := os.WriteFile(def, []byte(exports), 0o644); err != nil {
		return err
	}
	if err := sh(ctx, nil, "x86_64-w64-mingw32-ld", "-shared", "-o", dll, def); err != nil {
		return fmt.Errorf("%w\nthe linker is in Debian's package %s", err, mingwPackage)
	}
	data, err := os.ReadFile(dll)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(system, prngDLL), data, 0o755)
}

// overlay turns on Go's own switch that has os.RemoveAll, and so the clean-up
// of t.TempDir, take the way of older Windows: Wine 8 refuses the newer one
// with an error that Go does not expect. What is tested is not touched.
func (w *wine) overlay(ctx context.Context) (string, error) {
	root, err := output(ctx, nil, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "internal", "syscall", "windows", "at_windows.go")
	data, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const off, on = "var TestDeleteatFallback bool", "var TestDeleteatFallback = true"
	if bytes.Count(data, []byte(off)) != 1 {
		return "", fmt.Errorf("%s has no %q any more; see how os.RemoveAll works in %s", source, off, runtime.Version())
	}
	changed := filepath.Join(w.dir, "at_windows.go")
	if err := os.WriteFile(changed, bytes.ReplaceAll(data, []byte(off), []byte(on)), 0o644); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(w.dir, "overlay.json")
	return file, os.WriteFile(file, list, 0o644)
}

// stop ends what this Windows still runs.
func (w *wine) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = sh(ctx, w.env, w.server, "--kill")
}

// wineSame are commands that print the same on every platform.
var wineSame = [][]string{
	{"policy", "schema"},
	{"policy", "list"},
	{"policy", "check"},
	{"facts", "--describe", "-o", "json"},
	{"decide", "--input", "cmd/internal/dev/testdata/input.json", "-o", "json"},
	{"verify", "sha256:6ae8a75555209fd6c44157c0aed8016e763ff435a19cf186f76863140143ff72", "-o", "json",
		"--bundle", "cmd/internal/cli/testdata/verify/key.sigstore.json", "--key", "cmd/internal/cli/testdata/verify/key.pub"},
	{"verify", "sha256:bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b", "-o", "json",
		"--bundle", "cmd/internal/cli/testdata/verify/othername.sigstore.json", "--trusted-root", "cmd/internal/cli/testdata/verify/scaffolding.json",
		"--certificate-identity", "foo!oidc.local", "--certificate-oidc-issuer", "http://oidc.local:8080"},
}

// checkBinary compares the Windows binary with the one for this machine, and
// looks at the facts it finds.
func (w *wine) checkBinary(ctx context.Context) error {
	here, remove, err := buildLull(ctx)
	if err != nil {
		return err
	}
	defer remove()
	there := here + ".exe"
	if err := sh(ctx, w.env, "go", "build", "-o", there, "./cmd/lull"); err != nil {
		return err
	}
	var errs []error
	for _, args := range wineSame {
		want, err1 := output(ctx, nil, here, args...)
		got, err2 := output(ctx, w.env, w.program, append([]string{there}, args...)...)
		if err := errors.Join(err1, err2); err != nil {
			errs = append(errs, err)
		} else if got = bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")); !bytes.Equal(got, want) {
			errs = append(errs, fmt.Errorf("lull %s: the Windows binary prints\n%s\nand the one for this machine\n%s", strings.Join(args, " "), got, want))
		}
	}
	fmt.Printf("%d commands print the same\n", len(wineSame)-len(errs))
	facts, err := output(ctx, w.env, w.program, there, "facts", "-o", "json")
	return errors.Join(append(errs, err, judgeFacts(facts))...)
}

// wineKnown are facts that Wine has an answer for.
var wineKnown = []string{"cpu.cores", "cpu.busy_ratio", "memory.available_bytes", "storage.free_bytes", "storage.filesystem",
	"host.uptime_seconds", "host.reboot_pending", "packages.locked", "power.on_ac", "power.saver"}

// judgeFacts wants what Wine can tell to be known, presence to be unknown, as
// Wine's list of sessions is empty, and what is unknown to say why.
func judgeFacts(printed []byte) error {
	var list struct {
		Facts []struct{ ID, State, Why string }
	}
	if err := json.Unmarshal(printed, &list); err != nil {
		return fmt.Errorf("lull facts under Wine: %w: %s", err, printed)
	}
	var errs []error
	known := 0
	for _, f := range list.Facts {
		if f.State == "known" {
			known++
		}
		switch {
		case f.State != "known" && f.Why == "":
			errs = append(errs, fmt.Errorf("%s is %s and does not say why", f.ID, f.State))
		case f.State != "known" && slices.Contains(wineKnown, f.ID):
			errs = append(errs, fmt.Errorf("%s is %s under Wine: %s", f.ID, f.State, f.Why))
		case f.State == "known" && strings.HasPrefix(f.ID, "presence.idle"):
			errs = append(errs, fmt.Errorf("%s is known, and Wine lists no session that could tell", f.ID))
		}
	}
	if len(list.Facts) == 0 {
		errs = append(errs, errors.New("lull facts printed no fact under Wine"))
	}
	fmt.Printf("facts: %d of %d known\n", known, len(list.Facts))
	return errors.Join(errs...)
}
