package readme

import _ "embed"

// Sample is the administrator's rule that the manual shows; a test loads it
// on top of the shipped policies and decides with it.
//
//go:embed testdata/office.rego
var Sample string

// SampleRequirements names the sample's conditions.
//
//go:embed testdata/data.yaml
var SampleRequirements string
