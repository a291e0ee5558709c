package cli

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/charmbracelet/x/exp/golden" // defines -update
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
)

// updating reports whether scripts rewrite what they compare with: the -update
// flag belongs to the golden package, so that every test has the same one.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// In scripts, bise is this program with all that it is made of, except that its
// workers read a model file as the script of an engine.
func TestMain(m *testing.M) {
	testscript.Main(m, commands)
}

var commands = map[string]func(){
	"bise": func() {
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, engines{load: loadScript}))
	},
	"tune-trainer": playTrainer,
	// The process that holds a model, as it really is.
	"bise-worker": func() { os.Exit(Run([]string{"worker"}, os.Stdin, os.Stdout, os.Stderr)) },
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: updating(),
		Setup: func(env *testscript.Env) error {
			for _, place := range []string{"CONFIG", "DATA", "STATE", "CACHE"} {
				env.Setenv("XDG_"+place+"_HOME", filepath.Join(env.WorkDir, strings.ToLower(place)))
			}
			plugins, err := filepath.Abs("../docs/editors")
			if err != nil {
				return err
			}
			env.Setenv("PLUGINS", plugins)
			run := filepath.Join(env.WorkDir, "run")
			env.Setenv("XDG_RUNTIME_DIR", run)
			env.Setenv("BISE_MODEL", "")
			env.Setenv("NO_COLOR", "")
			env.Setenv("TERM", "xterm-256color")
			if err := os.Mkdir(run, 0o700); err != nil {
				return err
			}
			env.Defer(func() {
				cmd := exec.Command("bise", "stop", "--all")
				cmd.Env = env.Vars
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("stop workers: %v\n%s", err, out)
				}
			})
			return nil
		},
	})
}

// loadScript reads a model file, each of whose lines is a step: what to do, and a
// text that may be quoted.
//
//	say TEXT | think TEXT | call NAME | left N | read DONE TOTAL | wait
//	end REASON | fail KIND | refuse (to be loaded) | blind (to pictures) | context N
//	next (the steps that follow are the next answer)
//
// A GGUF file is loaded as it is.
func loadScript(ctx context.Context, spec worker.Spec, progress func(float64)) (engine.Engine, error) {
	data, err := os.ReadFile(spec.Path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte("GGUF")) {
		return loadHere(ctx, spec, progress)
	}
	script := &enginetest.Script{About: engine.Info{Model: spec.Name, Path: spec.Path, Size: int64(len(data))}}
	var reply enginetest.Reply
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		what, text, _ := strings.Cut(scanner.Text(), " ")
		if unquoted, err := strconv.Unquote(text); err == nil {
			text = unquoted
		}
		switch what {
		case "say":
			reply = append(reply, enginetest.Text(text))
		case "think":
			reply = append(reply, enginetest.Thinking(text))
		case "call":
			reply = append(reply, enginetest.Call{Name: text, Arguments: `{"city":"Paris"}`})
		case "left":
			n, _ := strconv.Atoi(text)
			reply = append(reply, enginetest.Emit{Event: engine.LeftOut{Messages: n, Tokens: 1234, Context: 4096}})
		case "read":
			var p engine.Progress
			fmt.Sscan(text, &p.Done, &p.Total)
			reply = append(reply, enginetest.Emit{Event: p})
		case "wait":
			reply = append(reply, enginetest.Wait(nil))
		case "end":
			reply = append(reply, enginetest.End(text))
		case "next":
			script.Replies, reply = append(script.Replies, reply), nil
		case "fail":
			reply = append(reply, enginetest.Fail{Err: &fault.Error{Kind: fault.Kind(text), Msg: "cannot go on: it is told so", Advice: "Try another script."}})
		case "refuse":
			return nil, &fault.Error{Kind: fault.BadModel, Msg: "cannot load " + spec.Name + ": it refuses", Advice: "Try another script."}
		case "blind":
			script.About.Architecture, script.About.Can = "llama", engine.Capabilities{Chat: true}
		case "context":
			script.About.ContextLength, _ = strconv.Atoi(text)
		case "#":
		default:
			return nil, fmt.Errorf("%s: no step %q", spec.Path, what)
		}
	}
	if len(reply) > 0 {
		script.Replies = append(script.Replies, reply)
	}
	return script, nil
}

// A ran is what a run of bise in this process gave.
type ran struct {
	code           int
	stdout, stderr string
}

// runBise runs bise on a script, with places of its own.
func runBise(t *testing.T, script engine.Engine, stdin string, args ...string) ran {
	t.Helper()
	return runWith(t, engines{open: always(script)}, stdin, args...)
}

// always opens the same engine.
func always(e engine.Engine) func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
	return func(context.Context, string, engine.LoadOptions) (engine.Engine, error) { return e, nil }
}

// testPlaces gives a test folders of its own, unless it has set them.
func testPlaces(t *testing.T) {
	t.Helper()
	for _, place := range []string{"CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		if name := "XDG_" + place; !strings.HasPrefix(os.Getenv(name), os.TempDir()) {
			t.Setenv(name, t.TempDir())
		}
	}
}

func runWith(t *testing.T, e engines, stdin string, args ...string) ran {
	t.Helper()
	testPlaces(t)
	var stdout, stderr bytes.Buffer
	if e.load == nil {
		e.load = loadHere
	}
	code := run(args, strings.NewReader(stdin), &stdout, &stderr, e)
	return ran{code, stdout.String(), stderr.String()}
}

// asked is the last request that a script got.
func asked(t *testing.T, s *enginetest.Script) engine.ChatRequest {
	t.Helper()
	r := s.Requests()
	if len(r) == 0 || r[len(r)-1].Chat == nil {
		t.Fatal("the engine was not asked")
	}
	return *r[len(r)-1].Chat
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
