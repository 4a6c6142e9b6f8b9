package facts

import (
	"encoding/json"
	"errors"
	"slices"
)

// AgentMessage is one line that an agent writes. The first names its session.
// After that it answers each line "ask N", with N in Answers, and says unasked
// that something changed: that its user came back, that a source was lost.
type AgentMessage struct {
	Answers     uint64             `json:"answers,omitempty"`    // the number of the question
	Session     string             `json:"session,omitempty"`    // in the first line: logind's name of its session, where it knows
	IdleSeconds float64            `json:"idle_seconds"`         // since its user's last input
	Busy        map[string]float64 `json:"busy,omitempty"`       // reason to age in seconds
	Error       string             `json:"error,omitempty"`      // why it cannot tell
	Returned    bool               `json:"returned,omitempty"`   // unasked: ask me
	LoggedOut   bool               `json:"logged_out,omitempty"` // the agent ends because its session does
}

// parseAgentMessage refuses what no honest agent says.
func parseAgentMessage(data []byte) (AgentMessage, error) {
	var m AgentMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	if m.IdleSeconds < 0 || len(m.Error) > 200 || len(m.Session) > 64 {
		return m, errors.New("impossible message")
	}
	for reason, age := range m.Busy {
		if !slices.Contains(BusyReasons(), reason) || age < 0 {
			return m, errors.New("impossible reason")
		}
	}
	return m, nil
}
