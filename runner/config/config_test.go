package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutFilesEverythingHasItsDefault(t *testing.T) {
	c, err := Load(ResolvePaths(t.TempDir()))
	if err != nil || !reflect.DeepEqual(c, Config{}) || !c.KeepAwake() {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestALaterFileOverridesKeyByKey(t *testing.T) {
	p := ResolvePaths(t.TempDir())
	write(t, p.ConfigFiles[0], "proxy: http://low:1\nlanguage: de_DE.UTF-8\nkeep_awake: false\n")
	write(t, p.ConfigFiles[1], "# nothing but a comment\n")
	write(t, p.ConfigFiles[2], "proxy: http://high:1\nlog_level: debug\nca_file: /etc/ca.pem\nno_proxy: localhost,.example.org\n")
	c, err := Load(p)
	if err != nil || c.Proxy != "http://high:1" || c.Language != "de_DE.UTF-8" || c.LogLevel != "debug" ||
		c.CAFile != "/etc/ca.pem" || c.NoProxy != "localhost,.example.org" || c.KeepAwake() {
		t.Errorf("got %+v, %v", c, err)
	}
}

// TestMistakesAreNamedWithLineAndRemedy reads testdata/mistakes.txtar: for
// each NAME, a config.yaml and what Load says about it.
func TestMistakesAreNamedWithLineAndRemedy(t *testing.T) {
	archive, err := txtar.ParseFile(filepath.Join("testdata", "mistakes.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		given, want := archive.Files[i], archive.Files[i+1]
		t.Run(given.Name, func(t *testing.T) {
			p := ResolvePaths(t.TempDir())
			file := p.ConfigFiles[2]
			write(t, file, string(given.Data))
			c, err := Load(p)
			if err == nil {
				t.Fatalf("accepted as %+v", c)
			}
			if got := strings.ReplaceAll(err.Error(), file, "config.yaml") + "\n"; got != string(want.Data) {
				t.Errorf("got\n%swant\n%s", got, want.Data)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsAnErrorAndNotAnEmptyOne(t *testing.T) {
	p := ResolvePaths(t.TempDir())
	if err := os.MkdirAll(p.ConfigFiles[2], 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(p); err == nil || !strings.Contains(err.Error(), p.ConfigFiles[2]) {
		t.Errorf("got %v", err)
	}
}

func TestEveryKeyIsInTheDocumentation(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys {
		if !strings.Contains(string(doc), "//\t"+k.Name+": ") {
			t.Errorf("doc.go does not show %s", k.Name)
		}
		if k.Help == "" || k.Hint == "" {
			t.Errorf("%s is not described", k.Name)
		}
	}
}

// FuzzParse claims: a file is understood, or every mistake names the file; and
// what is understood is within what the keys allow.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "log_level: debug\nkeep_awake: no\n", "a: &a [*a]\n", "proxy: http://x\nproxy: http://y\n", "--- 1\n--- 2\n", "? [a]\n: b\n", "language: !!binary aGk=\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c Config
		for _, err := range parse("config.yaml", []byte(text), &c) {
			var e *Error
			if !errors.As(err, &e) || e.File != "config.yaml" || e.Why == "" || e.Hint == "" {
				t.Errorf("%q: %#v", text, err)
			}
		}
		if level(c.LogLevel) != nil && c.LogLevel != "" || proxyURL(c.Proxy) != nil || absolute(c.CAFile) != nil || locale(c.Language) != nil || oneLine(c.NoProxy) != nil {
			t.Errorf("%q: accepted as %+v", text, c)
		}
	})
}
