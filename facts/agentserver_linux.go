package facts

import (
	"context"
	"strconv"
	"time"
)

// agentReport is what one user's agent says.
type agentReport struct {
	uid  uint32
	last time.Duration            // boot time of its user's last input
	busy map[string]time.Duration // reasons and their ages
	why  string                   // why it does not answer
}

var fromAgent = &origin{"agents", good}

func (a agentReport) user() string { return strconv.Itoa(int(a.uid)) }

func (a agentReport) report(now time.Duration) report {
	name := "agent of user " + a.user()
	if a.why != "" {
		return report{source: name, answer: silent, why: a.why, agent: true}
	}
	return report{source: name, answer: answered, idle: now - a.last, proof: true, agent: true}
}

// agentServer takes the reports of per-user agents.
type agentServer struct{}

func newAgentServer(*Options) *agentServer { return &agentServer{} }

func (*agentServer) ask(context.Context, time.Duration) []agentReport { return nil }

func (*agentServer) close() {}
