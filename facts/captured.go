package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// capturedFile, at the top of a captured machine, holds the answers that no
// file gives.
const capturedFile = "captured.json"

// linksFile, in a captured machine's archive, holds its symbolic links, one
// "path -> target" a line, as txtar has none.
const linksFile = "links"

// captured is what a captured machine's kernel and services answered.
type captured struct {
	Volumes       map[string]volumeSpace `json:"volumes,omitempty"`            // by mount point
	InputIdle     *int64                 `json:"input_idle_seconds,omitempty"` // since the last input event; absent = devices could not be opened
	TerminalIdle  map[string]int64       `json:"terminal_idle_seconds,omitempty"`
	Logind        *logindState           `json:"logind,omitempty"`
	Network       *networkState          `json:"network_manager,omitempty"`
	Agents        map[string][]string    `json:"agents,omitempty"` // what the agent of each session gave as reasons not to disturb, by session
	UPS           string                 `json:"ups,omitempty"`    // "charging" or "discharging", as UPower says; "" = there is none
	Profile       string                 `json:"power_profile,omitempty"`
	DisplayServer bool                   `json:"display_server,omitempty"` // an X server or a Wayland compositor runs
	PackageLocked *bool                  `json:"package_locked,omitempty"` // absent = could not be told
	Silent        []string               `json:"silent,omitempty"`         // services and directories that were there and did not answer
}

// silent reports whether a source was there and did not answer.
func (c *captured) silent(source string) bool { return slices.Contains(c.Silent, source) }

// volumeSpace is the answer of statfs.
type volumeSpace struct {
	Free  int64 `json:"free_bytes"`
	Total int64 `json:"total_bytes"`
}

func readCaptured(file string) (*captured, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s is not a captured machine: %w", file, err)
	}
	c, err := parseCaptured(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// parseCaptured refuses answers that no machine gives.
func parseCaptured(data []byte) (*captured, error) {
	c := new(captured)
	if err := json.Unmarshal(data, c); err != nil {
		return nil, err
	}
	if c.InputIdle != nil && *c.InputIdle < 0 {
		return nil, errors.New("input_idle_seconds is negative")
	}
	for name, idle := range c.TerminalIdle {
		if idle < 0 {
			return nil, fmt.Errorf("terminal_idle_seconds of %s is negative", name)
		}
	}
	return c, nil
}

// supplies are the uninterruptible ones.
func (c *captured) supplies() []supply {
	status := map[string]string{"charging": "Charging", "discharging": "Discharging"}[c.UPS]
	if status == "" {
		return nil
	}
	return []supply{{name: "UPS", kind: "UPS", status: status, online: -1, capacity: -1}}
}

// upsOfAll sums supplies up for a capture.
func upsOfAll(supplies []supply) string {
	switch {
	case len(supplies) == 0:
		return ""
	case slices.ContainsFunc(supplies, func(s supply) bool { return s.status == "Discharging" }):
		return "discharging"
	}
	return "charging"
}
