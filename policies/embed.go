// Package policies holds the policies lull ships: the rules that say when a
// condition is met (eligibility/*.rego), which conditions an action needs
// (requirements/data.yaml), and the numbers an administrator may turn
// (thresholds/data.yaml).
//
// The tree is what stock OPA sees too: opa eval -d policies -i input.json
// data.eligibility.decision. Its tests lie beside it, in policytests. The
// manual for administrators, README.md, is generated from the METADATA of the
// rules and the comments of the data files.
package policies

import "embed"

// FS is the tree of default policies: the lowest layer of a running lull.
// It holds rule and data files only, neither tests nor documentation.
//
//go:embed eligibility/*.rego requirements/data.yaml thresholds/data.yaml
var FS embed.FS
