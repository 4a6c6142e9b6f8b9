package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Config is config.yaml. Everything has a default, so an empty file is valid;
// Keys says what each key means.
type Config struct {
	Proxy     string `json:"proxy,omitempty"`
	NoProxy   string `json:"no_proxy,omitempty"`
	CAFile    string `json:"ca_file,omitempty"`
	Language  string `json:"language,omitempty"`
	LogLevel  string `json:"log_level,omitempty"`
	StayAwake *bool  `json:"keep_awake,omitempty"`

	origins map[string]string // key → file:line of the value in force
}

// Origin is file:line of where the value of a key was set, "" for a default.
func (c Config) Origin(key string) string { return c.origins[key] }

// Equal reports whether both say the same, wherever they say it.
func (c Config) Equal(o Config) bool {
	return c.Proxy == o.Proxy && c.NoProxy == o.NoProxy && c.CAFile == o.CAFile && c.Language == o.Language && c.LogLevel == o.LogLevel &&
		c.KeepAwake() == o.KeepAwake()
}

// KeepAwake reports whether a sleep inhibitor may be held at all.
func (c Config) KeepAwake() bool { return c.StayAwake == nil || *c.StayAwake }

// Error is one mistake in a config.yaml.
type Error struct {
	File string
	Line int // from 1; 0: the whole file
	Why  string
	Hint string // what to write instead
}

// Error names file, line, mistake and remedy.
func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Hint == "" {
		return place + ": " + e.Why
	}
	return place + ": " + e.Why + "; " + e.Hint
}

// Load reads the configuration files of p, lowest first; a later file
// overrides key by key. Files that do not exist are empty. The error joins one
// *Error for each mistake in any of the files: a daemon does not start on a
// configuration that was not understood.
func Load(p Paths) (Config, error) {
	var c Config
	var bad []error
	for _, file := range p.ConfigFiles {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("read the configuration: %w", err))
			continue
		}
		bad = append(bad, parse(file, data, &c)...)
	}
	return c, errors.Join(bad...)
}
