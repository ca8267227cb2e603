// Command mcp-oauth-server puts MCP tools on the network safely: it is an OAuth
// 2.1 authorization server for MCP clients that has users log in at an external
// identity provider, and it is the protected MCP endpoint /sse.
//
// It keeps no state. Registrations, codes and tokens are sealed JWTs, so
// replicas need to share nothing but a key ring.
//
// This package reads the settings (config.go), builds the house and says who in
// it is given what (house.go), and runs it (serve.go). `mcp-oauth-server --help`
// lists all settings.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"
	"github.com/joho/godotenv"

	"mcp-oauth-server/crypto/jose"
)

// Exit codes.
const (
	exitFailure = 1 // it ran, or tried to, and failed
	exitUsage   = 2 // the settings are wrong; one line each on stderr
)

// commands is the command line.
type commands struct {
	Serve   serveCommand   `cmd:"" default:"withargs" help:"Run the server (the default)."`
	Keys    keysCommand    `cmd:"" help:"Work on the key ring."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type serveCommand struct {
	settings
}

type keysCommand struct {
	New keysNewCommand `cmd:"" help:"Print a new secret for KEYS or KEYS_FILE."`
}

type (
	keysNewCommand struct{}
	versionCommand struct{}
)

// usageError is a fault of the settings: exit code 2.
type usageError struct{ faults faults }

func (e usageError) Error() string { return fmt.Sprintf("%d faults in the settings", len(e.faults)) }

func main() {
	err := run(os.Args[1:])
	var usage usageError
	switch {
	case err == nil:
		return
	case errors.As(err, &usage):
		for _, fault := range usage.faults {
			fmt.Fprintln(os.Stderr, "mcp-oauth-server: "+fault)
		}
		os.Exit(exitUsage)
	default:
		fmt.Fprintln(os.Stderr, "mcp-oauth-server: "+err.Error())
		os.Exit(exitFailure)
	}
}

func run(args []string) error {
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usageError{faults{".env: is not a list of NAME=value lines: " + err.Error()}}
	}
	var c commands
	parser, err := kong.New(&c,
		kong.Name("mcp-oauth-server"),
		kong.Description("An OAuth 2.1 authorization server for MCP clients and the MCP endpoint behind it, without server state.\n\nFlags win over environment variables, which win over a .env file."),
		kong.UsageOnError())
	if err != nil {
		return err
	}
	unsetEmpty(parser.Model.Node)
	ctx, err := parser.Parse(args)
	if err != nil {
		return usageError{faults{err.Error()}}
	}
	return ctx.Run()
}

// unsetEmpty makes a variable that is set to nothing count as not set: compose
// files and Kubernetes manifests write optional settings so.
func unsetEmpty(n *kong.Node) {
	for _, flag := range n.Flags {
		for _, name := range flag.Envs {
			if value, set := os.LookupEnv(name); set && value == "" {
				os.Unsetenv(name) //nolint:errcheck // fails for names that LookupEnv cannot find
			}
		}
	}
	for _, child := range n.Children {
		unsetEmpty(child)
	}
}

func (keysNewCommand) Run() error {
	_, err := fmt.Println(jose.NewSecret())
	return err
}

func (versionCommand) Run() error {
	_, err := fmt.Println(version())
	return err
}

// version is the module version the binary was built from, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return info.Main.Version + " (" + s.Value[:12] + ")"
		}
	}
	return info.Main.Version
}
