package cli

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/lullhq/lull/runner/config"
	"github.com/spf13/cobra"
)

// app is what every command shares: the streams, the environment and the
// global flags.
type app struct {
	in     io.Reader
	out    io.Writer // results
	err    io.Writer // talk
	env    func(string) string
	root   string // --root
	format string // -o
	log    string // --log-level
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	if code, ok := sampleUpdater(os.Args[1:]); ok {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runtime.MemProfileRate = 0 // libraries link the profiler in, and nobody asks it
	debug.SetGCPercent(commandGC)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}
	return a.run(ctx, os.Args[1:])
}

// How much the heap may grow between collections, in percent: a command lives for
// milliseconds and would spend a quarter of them collecting; the daemon lives for
// weeks and should stay small.
const (
	commandGC = 800
	daemonGC  = 50
)

// run executes one command line.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		return report(a.err, err)
	}
	return exitDone
}

// command builds the tree of verbs.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "lull",
		Short: "Run software updates in the lulls",
		Long: `lull runs background software updates in the lulls: when the user is away,
the machine is on AC power and its disk is quiet. Vendors register signed
updaters; administrators write the policies that decide when they may run.

New here? Try it, without installing anything:  lull run --demo`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFlags() },
		Args:              verbs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetIn(a.in)
	flags := root.PersistentFlags()
	flags.StringVar(&a.root, "root", "", "keep everything below `DIR` instead of /etc, /usr/lib, /run and /var/lib")
	flags.StringVarP(&a.format, "output", "o", formatText, "how to print results: text, json or yaml")
	flags.StringVar(&a.log, "log-level", "", "what the daemon logs: debug, info, warn or error (default: log_level of config.yaml, else info)")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return hinted(usage("%w", err), "see "+c.CommandPath()+" --help")
	})
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "See what is going on:"},
		&cobra.Group{ID: "do", Title: "Say what is to happen:"},
		&cobra.Group{ID: "policy", Title: "Decide when updates run:"},
		&cobra.Group{ID: "vendor", Title: "Make and check packages:"},
		&cobra.Group{ID: "daemon", Title: "Run lull:"},
	)
	root.SetHelpCommandGroupID("daemon")
	root.SetCompletionCommandGroupID("daemon")
	a.add(root, "daemon", a.runCommand(), a.agentCommand(), a.configCommand(), a.doctorCommand(), a.versionCommand())
	a.add(root, "look", a.statusCommand(), a.listCommand(), a.whyCommand(), a.whatIfCommand(), a.factsCommand(), a.historyCommand(), a.watchCommand())
	a.add(root, "do", a.registerCommand(), a.unregisterCommand(), a.scanCommand(), a.holdCommand(), a.unholdCommand(),
		a.approveCommand(), a.retryCommand(), a.uninstallCommand())
	a.add(root, "policy", a.policyCommand(), a.decideCommand())
	a.add(root, "vendor", a.packCommand(), a.validateCommand(), a.verifyCommand(), a.vendorCommand(), a.trustCommand())
	return root
}

func (a *app) add(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, c := range cmds {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// verbs refuses a word that is no verb, with the nearest ones.
func verbs(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "lull --help lists the commands"
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean: " + c.CommandPath() + " " + strings.Join(near, ", "+c.CommandPath()+" ") + "?"
	}
	return hinted(usage("%q is not a command", c.CommandPath()+" "+args[0]), hint)
}

// exactly refuses any other number of arguments than names has.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		want := strings.Join(names, " ")
		if want == "" {
			return hinted(usage("%s takes no arguments, got %q", c.CommandPath(), args[0]), "see "+c.CommandPath()+" --help")
		}
		return hinted(usage("%s takes %s, got %d arguments", c.CommandPath(), want, len(args)), c.CommandPath()+" "+want)
	}
}

func (a *app) checkFlags() error {
	switch a.format {
	case formatText, formatJSON, formatYAML:
	default:
		return usage("-o %s: no such format; use text, json or yaml", a.format)
	}
	return nil
}

// paths says where everything is, with --root applied.
func (a *app) paths() config.Paths { return config.ResolvePaths(a.root) }

// logger talks on standard error at the level of --log-level, else at that of
// the configuration, which follow keeps up with.
func (a *app) logger(cfg config.Config) (log *slog.Logger, follow func(config.Config), err error) {
	level := &slog.LevelVar{}
	follow = func(cfg config.Config) {
		if err := level.UnmarshalText([]byte(cmp.Or(cfg.LogLevel, "info"))); err != nil {
			panic(err) // the configuration takes only levels
		}
	}
	if follow(cfg); a.log != "" {
		if err := level.UnmarshalText([]byte(a.log)); err != nil {
			return nil, nil, usage("--log-level %s: use debug, info, warn or error", a.log)
		}
		follow = func(config.Config) {}
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level})), follow, nil
}

// rooted is the command line of lull for the same root, for hints.
func (a *app) rooted(verb string) string {
	if a.root == "" {
		return "lull " + verb
	}
	return "lull --root " + a.root + " " + verb
}
