package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Key describes one key of config.yaml.
type Key struct {
	Name    string
	Default string // "" for nothing
	Help    string // what it does
	Hint    string // what may be written
	set     func(*Config, *yaml.Node) error
}

// Keys are all keys of config.yaml, the source of its documentation.
var Keys = []Key{
	{
		Name: "proxy", Help: "Proxy that updaters are told to use (http_proxy, https_proxy).",
		Hint: `write a URL such as "http://cache.example.org:3128"`,
		set:  text(func(c *Config) *string { return &c.Proxy }, proxyURL),
	},
	{
		Name: "no_proxy", Help: "Hosts that updaters reach without the proxy (no_proxy).",
		Hint: `write names with commas between, such as "localhost,.example.org"`,
		set:  text(func(c *Config) *string { return &c.NoProxy }, oneLine),
	},
	{
		Name: "ca_file", Help: "File of certificates (PEM) that updaters are told to trust (SSL_CERT_FILE).",
		Hint: "write an absolute path", set: text(func(c *Config) *string { return &c.CAFile }, absolute),
	},
	{
		Name: "language", Default: "C.UTF-8", Help: "Language of updaters' messages (LANG).",
		Hint: `write a locale such as "en_US.UTF-8"`, set: text(func(c *Config) *string { return &c.Language }, locale),
	},
	{
		Name: "log_level", Default: "info", Help: "How much the daemon logs.",
		Hint: "write debug, info, warn or error", set: text(func(c *Config) *string { return &c.LogLevel }, level),
	},
	{
		Name: "keep_awake", Default: "true", Help: "Whether a sleep inhibitor may be held while a heavy action runs on AC power.",
		Hint: "write true or false", set: keepAwake,
	},
}

func keyNamed(name string) (Key, bool) {
	i := slices.IndexFunc(Keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return Keys[i], true
}

// text sets a string that check accepts. Only a YAML string is taken: yes, 1
// and 2026-01-01 are other types, and a person who wrote them meant another
// thing.
func text(field func(*Config) *string, check func(string) error) func(*Config, *yaml.Node) error {
	return func(c *Config, n *yaml.Node) error {
		if n.Tag != "!!str" {
			return fmt.Errorf("%s is not text", n.Value)
		}
		if err := check(n.Value); err != nil {
			return err
		}
		*field(c) = n.Value
		return nil
	}
}

func keepAwake(c *Config, n *yaml.Node) error {
	var v bool
	if n.Tag != "!!bool" || n.Decode(&v) != nil {
		return fmt.Errorf("%s is not true or false", n.Value)
	}
	c.StayAwake = &v
	return nil
}

// oneLine refuses what would not survive in an environment variable.
func oneLine(s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%q contains a control character", s)
	}
	return nil
}

func proxyURL(s string) error {
	if s == "" {
		return nil // takes back what a lower file set
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("not a URL") // without the text: it may hold a password
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return errors.New("the URL is not http, https, socks5 or socks5h")
	case u.Hostname() == "":
		return errors.New("the URL names no host")
	}
	return oneLine(s)
}

func absolute(s string) error {
	if s != "" && !filepath.IsAbs(s) {
		return fmt.Errorf("%q is not an absolute path", s)
	}
	return oneLine(s)
}

// localeName is the shape of locale(7): language, territory, codeset, modifier.
var localeName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z]{1,8}(_[A-Za-z]{2,3})?(\.[A-Za-z0-9-]+)?(@[A-Za-z0-9]+)?$`)
})

func locale(s string) error {
	if s != "" && !localeName().MatchString(s) {
		return fmt.Errorf("%q is not a locale", s)
	}
	return nil
}

func level(s string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s) {
		return fmt.Errorf("%q is not a level", s)
	}
	return nil
}
