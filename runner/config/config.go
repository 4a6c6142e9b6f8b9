package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config is config.yaml. Everything has a default, so an empty file is valid.
type Config struct {
	Proxy     string `yaml:"proxy" json:"proxy,omitempty"`           // handed to updaters as http_proxy and https_proxy
	NoProxy   string `yaml:"no_proxy" json:"no_proxy,omitempty"`     // handed to updaters as no_proxy
	CAFile    string `yaml:"ca_file" json:"ca_file,omitempty"`       // handed to updaters as SSL_CERT_FILE
	Language  string `yaml:"language" json:"language,omitempty"`     // LANG of updaters; default C.UTF-8
	LogLevel  string `yaml:"log_level" json:"log_level,omitempty"`   // debug, info, warn or error; default info
	StayAwake *bool  `yaml:"keep_awake" json:"keep_awake,omitempty"` // false: never hold a sleep inhibitor; default true
}

// KeepAwake reports whether a sleep inhibitor may be held at all.
func (c Config) KeepAwake() bool { return c.StayAwake == nil || *c.StayAwake }

// Error is a mistake in a config.yaml.
type Error struct {
	File string
	Line int // 0: the whole file
	Why  string
	Hint string
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
// overrides key by key. Unknown keys and wrong types are *Error.
func Load(p Paths) (Config, error) {
	var c Config
	for _, file := range p.ConfigFiles {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return c, fmt.Errorf("read the configuration: %w", err)
		}
		if err := parse(file, data, &c); err != nil {
			return c, err
		}
	}
	return c, nil
}

var lineInError = regexp.MustCompile(`line (\d+): (.*)`)

func parse(file string, data []byte, c *Config) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		e := &Error{File: file, Why: strings.TrimPrefix(err.Error(), "yaml: "), Hint: "known keys: proxy, no_proxy, ca_file, language, log_level, keep_awake"}
		if m := lineInError.FindStringSubmatch(err.Error()); m != nil {
			fmt.Sscan(m[1], &e.Line)
			e.Why = strings.TrimSuffix(m[2], " in type config.Config")
		}
		return e
	}
	switch c.LogLevel {
	case "", "debug", "info", "warn", "error":
		return nil
	}
	return &Error{File: file, Why: fmt.Sprintf("log_level is %q", c.LogLevel), Hint: "use debug, info, warn or error"}
}
