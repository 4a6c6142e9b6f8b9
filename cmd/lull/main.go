// Command lull runs background software updates in the lulls: when the user is
// away, the machine is on AC power and its disk is quiet. See package cli for
// its verbs.
package main

import (
	"os"

	"github.com/lullhq/lull/cmd/internal/cli"
	"github.com/lullhq/lull/runner/execute"
)

func main() {
	execute.MaybeStage()
	os.Exit(cli.Main())
}
