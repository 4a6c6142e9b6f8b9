package facts

import (
	"encoding/json"
	"errors"
	"slices"
)

// AgentMessage is one line that an agent writes: an answer to a line "ask", or
// unasked when its user came back.
type AgentMessage struct {
	IdleSeconds float64            `json:"idle_seconds"`         // since its user's last input
	Busy        map[string]float64 `json:"busy,omitempty"`       // reason to age in seconds
	Error       string             `json:"error,omitempty"`      // why it cannot tell
	Returned    bool               `json:"returned,omitempty"`   // unasked: the user came back
	LoggedOut   bool               `json:"logged_out,omitempty"` // the agent ends because its session does
}

// parseAgentMessage refuses what no honest agent says.
func parseAgentMessage(data []byte) (AgentMessage, error) {
	var m AgentMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return m, err
	}
	if m.IdleSeconds < 0 || len(m.Error) > 200 {
		return m, errors.New("impossible message")
	}
	for reason, age := range m.Busy {
		if !slices.Contains(BusyReasons(), reason) || age < 0 {
			return m, errors.New("impossible reason")
		}
	}
	return m, nil
}
