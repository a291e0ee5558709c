package system

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// A state of health.
type health string

const (
	healthy health = "ok"
	absent  health = "–"       // not there, and not needed
	slow    health = "slow"    // works, and could be better
	missing health = "missing" // something essential
)

// A finding is a line of what bise doctor finds.
type finding struct {
	What   string `json:"what"`
	Is     string `json:"is"`
	State  health `json:"state"`
	Advice string `json:"advice,omitempty"`
}

// A checkup is all that bise doctor finds.
type checkup struct {
	Healthy   bool               `json:"healthy"`
	Findings  []finding          `json:"findings"`
	Installed build.Installation `json:"installation"`
	Processor machine.Processor  `json:"cpu"`
	Devices   []llama.Device     `json:"devices"`
	Backends  string             `json:"backends,omitempty"` // the folder they were loaded from
	Memory    struct {
		Total     int64   `json:"total_bytes"`
		Free      int64   `json:"free_bytes"`
		Bandwidth float64 `json:"bytes_per_second"` // that the processor's cores read together
		Busy      bool    `json:"busy,omitempty"`   // it was only measured beside busy programs
	} `json:"memory"`
	Speed  *modelSpeed `json:"speed,omitempty"` // of the model for chat, if it has run here
	Models struct {
		Dir       string `json:"dir"`
		Count     int    `json:"count"`
		Size      int64  `json:"size_bytes"`
		Elsewhere int    `json:"elsewhere"` // in other programs' caches
	} `json:"models"`
}

// A modelSpeed is how fast a model has decoded here.
type modelSpeed struct {
	Model string  `json:"model"`
	Rate  float64 `json:"tokens_per_second"`
}

// Doctor is the command bise doctor.
func Doctor(con *console.Console, lib *library.Library, conf config.Config, configErr error, places config.Places) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check if this machine has what bise needs",
		Long: `Check if this machine has what bise needs, and how fast it can be. Also shows how this copy
of bise was installed and how to update it; bise never updates itself. The exit code is 1
if something essential is missing.`,
		Args:        flags.Args(cobra.NoArgs, "no arguments"),
		Annotations: flags.Mark(flags.Forgiving),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), con, lib, conf, configErr, places)
		},
	}
}

func runDoctor(ctx context.Context, con *console.Console, lib *library.Library, conf config.Config, configErr error, places config.Places) error {
	con.Waitf("measuring memory")
	c := runCheckup(ctx, lib, conf, configErr, places)
	con.Erase()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if con.JSON {
		if err := con.WriteJSON(c); err != nil {
			return err
		}
	} else if err := printCheckup(con, c); err != nil {
		return err
	}
	if !c.Healthy {
		return console.ErrNo
	}
	return nil
}

// runCheckup looks at everything that bise needs.
func runCheckup(ctx context.Context, lib *library.Library, conf config.Config, configErr error, places config.Places) checkup {
	var c checkup
	c.Installed = build.FindInstallation(ctx)
	c.Findings = append(c.Findings, examineInstallation(c.Installed, build.Current().Version, firstOnPath()))
	c.Processor = machine.DetectProcessor()
	c.Devices, c.Backends = llama.Devices()
	c.Devices = append([]llama.Device{}, c.Devices...)
	c.Findings = append(c.Findings, examineProcessor(conf, places, &c))
	c.Memory.Total, c.Memory.Free = machine.Memory()
	measured, quiet := machine.Measure(ctx)
	c.Memory.Bandwidth, quiet = lib.MemoryBench().Save(measured, quiet)
	c.Memory.Busy = !quiet
	speed := fmt.Sprintf("reads %s/s", units.Size(int64(c.Memory.Bandwidth)))
	if c.Memory.Busy {
		speed = fmt.Sprintf("reads more than %s/s (other programs were busy)", units.Size(int64(c.Memory.Bandwidth)))
	}
	c.Findings = append(c.Findings,
		finding{What: "memory", State: healthy, Is: fmt.Sprintf("%s, %s free; %s", units.Size(c.Memory.Total), units.Size(c.Memory.Free), speed)},
		examineGPU(c.Devices),
		examineLlamaServer(ctx, lib, conf),
		examineModels(lib, conf, places, &c),
	)
	c.Findings = append(c.Findings, examineChoices(lib)...)
	if m, err := lib.FindChosen("chat", ""); err == nil {
		if rate := lib.SpeedOf(m); rate > 0 {
			c.Speed = &modelSpeed{m.Name, rate}
		}
	}
	if configErr != nil {
		f := finding{What: "config", State: missing}
		f.Is, f.Advice = fault.Explain(configErr)
		c.Findings = append(c.Findings, f)
	}
	if len(conf.Endpoints) > 0 {
		c.Findings = append(c.Findings, finding{What: "servers", State: healthy, Is: strings.Join(slices.Sorted(maps.Keys(conf.Endpoints)), ", ") + " (not asked)"})
	}
	c.Findings = append(c.Findings, examineWorkers(ctx))
	for _, place := range []struct{ what, dir, without string }{
		{"cache", places.KV, "long conversations are read again after a pause"},
		{"log", places.Log, "nothing is logged"},
	} {
		c.Findings = append(c.Findings, examinePlace(place.what, place.dir, place.without))
	}
	c.Healthy = !slices.ContainsFunc(c.Findings, func(f finding) bool { return f.State == missing })
	return c
}

// examineInstallation says how this copy of bise was installed. first is the bise that the
// shell runs, with its links resolved, or "".
func examineInstallation(i build.Installation, version, first string) finding {
	f := finding{What: "bise", State: healthy}
	how := "installed by hand"
	if i.Method != build.Unknown {
		how = "installed from: " + string(i.Method)
	}
	f.Is = fmt.Sprintf("%s, %s, %s", version, how, i.Path)
	if first != "" && first != i.Path {
		f.State = slow
		f.Is += "; the PATH has another one first: " + first
		f.Advice = "The shell runs " + first + " as bise. Remove it, or put the folder of " + i.Path + " before its folder in PATH."
	}
	return f
}

// firstOnPath returns the program that the shell runs as bise, or "".
func firstOnPath() string {
	found, err := exec.LookPath("bise")
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(found); err == nil {
		found = real
	}
	return found
}

func examineProcessor(conf config.Config, places config.Places, c *checkup) finding {
	f := finding{What: "cpu", State: healthy}
	f.Is = fmt.Sprintf("%s, %s, %s", c.Processor.Name, units.Plural(c.Processor.Cores, "core"), c.Processor.WidestFeature())
	switch {
	case len(c.Devices) == 0 && len(conf.Endpoints) > 0:
		f.State, f.Is = absent, f.Is+"; this build has no engine"
	case len(c.Devices) == 0:
		f.State, f.Is = missing, f.Is+"; this build has no engine"
		f.Advice = "Use a build with cgo, or name a server in " + places.File() + "."
	case c.Backends == "":
		f.State, f.Is = slow, f.Is+"; no backend for them found"
		f.Advice = "Without backends bise is about 20 times slower: build them with make build."
	default:
		f.Is += "; backends in " + c.Backends
	}
	return f
}

func examineGPU(devices []llama.Device) finding {
	f := finding{What: "gpu", State: absent, Is: "none found"}
	var names []string
	for _, d := range devices {
		if d.GPU {
			names = append(names, fmt.Sprintf("%s, %s of %s free", d.Description, units.Size(d.Free), units.Size(d.Total)))
		}
	}
	if len(names) > 0 {
		f.State, f.Is = healthy, strings.Join(names, "; ")
		return f
	}
	if _, err := os.Stat("/proc/driver/nvidia/version"); err == nil {
		f.State, f.Is = slow, "there is an NVIDIA driver, and the CUDA backend is not installed"
		f.Advice = "Build it: make build BACKENDS=cuda."
	}
	return f
}

// examineLlamaServer says which llama-server runs what the built-in engine cannot.
func examineLlamaServer(ctx context.Context, lib *library.Library, conf config.Config) finding {
	f := finding{What: "llama-server", State: healthy}
	build, err := lib.LlamaServer(ctx)
	if err != nil {
		wanted := conf.Engine.Engine == config.LlamaServer || conf.Engine.LlamaServer != "" || len(conf.Engine.RPC) > 0
		f.State, f.Is = absent, "none: models of newer architectures do not run"
		if wanted || fault.KindOf(err) != fault.NotFound {
			f.State = missing
			f.Is, f.Advice = fault.Explain(err)
		}
		return f
	}
	what := "runs models of newer architectures"
	if conf.Engine.Engine == config.LlamaServer || len(conf.Engine.RPC) > 0 {
		what = "runs every model"
	} else if conf.Engine.Engine == config.BuiltIn {
		what = "not used: engine is built-in in config.toml"
	}
	if n := len(conf.Engine.RPC); n > 0 {
		what += ", also on " + strings.Join(conf.Engine.RPC, ", ")
	}
	f.Is = fmt.Sprintf("%s, %s; %s", build.Version, build.Path, what)
	return f
}

func examineModels(lib *library.Library, conf config.Config, places config.Places, c *checkup) finding {
	f := finding{What: "models", State: healthy}
	c.Models.Dir = places.Models
	list, err := lib.Store().List()
	var broken []string
	var checks []time.Time
	for _, m := range list {
		if m.Origin == models.Cached {
			c.Models.Elsewhere++
			continue
		}
		c.Models.Count++
		c.Models.Size += m.Size
		checks = append(checks, m.Verified)
		if m.Problem != nil {
			broken = append(broken, m.Name)
		}
	}
	f.Is = fmt.Sprintf("%d installed, %s; %s", c.Models.Count, units.Size(c.Models.Size), verifiedAll(checks, time.Now()))
	if c.Models.Count == 0 {
		f.Is = "none installed"
	}
	if c.Models.Elsewhere > 0 {
		f.Is += fmt.Sprintf("; %d in other programs' caches", c.Models.Elsewhere)
	}
	switch {
	case err != nil:
		f.State, f.Is = missing, err.Error()
		f.Advice = "See who may read " + places.Models + "."
	case len(broken) > 0:
		f.State = missing
		f.Is += "; cannot be used: " + strings.Join(broken, ", ")
		f.Advice = "See what is wrong with bise verify --all."
	case len(list) == 0 && len(conf.Endpoints) > 0:
		f.State = absent
	case len(list) == 0:
		f.State = missing
		f.Advice = "Download one with bise pull; bise catalog shows which fit."
	}
	return f
}

// examineChoices says which model each mode uses, and why.
func examineChoices(lib *library.Library) []finding {
	var list []finding
	for _, g := range library.GroupChoices(lib.Choices()) {
		f := finding{What: strings.Join(g.Modes, ", "), State: healthy, Is: fmt.Sprintf("%s (%s)", g.Name(), g.Why)}
		switch {
		case g.Ref == "": // the models are reported as missing
			continue
		case g.Err != nil:
			f.State = missing
			f.Is, f.Advice = fault.Explain(g.Err)
		case g.Unable:
			f.State = absent
		}
		list = append(list, f)
	}
	return list
}

// verifiedAll says when all models were last verified: the longest ago of them.
func verifiedAll(checks []time.Time, now time.Time) string {
	never := 0
	oldest := now
	for _, t := range checks {
		switch {
		case t.IsZero():
			never++
		case t.Before(oldest):
			oldest = t
		}
	}
	switch {
	case never == 0:
		return "all files verified " + units.Ago(oldest, now)
	case never == len(checks):
		return "not verified yet (bise verify --all)"
	}
	return fmt.Sprintf("%d not verified yet (bise verify --all)", never)
}

func examineWorkers(ctx context.Context) finding {
	f := finding{What: "workers", State: healthy}
	list, err := worker.List(ctx)
	if err != nil {
		f.State = missing
		f.Is, f.Advice = fault.Explain(err)
		return f
	}
	f.Is = units.Plural(len(list), "model") + " in memory"
	return f
}

// examinePlace checks whether a folder can be written or created.
func examinePlace(what, dir, without string) finding {
	f := finding{What: what, State: healthy, Is: dir}
	at := dir
	for {
		info, err := os.Stat(at)
		if err == nil && info.IsDir() {
			break
		}
		if parent := filepath.Dir(at); err != nil && parent != at {
			at = parent
			continue
		}
		f.State, f.Is = absent, fmt.Sprintf("%s cannot be written: %s", dir, without)
		return f
	}
	probe, err := os.CreateTemp(at, ".bise-*")
	if err != nil {
		f.State, f.Is = absent, fmt.Sprintf("%s cannot be written: %s", dir, without)
		return f
	}
	probe.Close()
	os.Remove(probe.Name())
	return f
}

const (
	// sevenB is the size of a 7B model at Q4_K_M, in bytes.
	sevenB = 4.37e9
	// reached is the share of the memory's speed that writing an answer reaches
	// on CPUs; bise bench measures it.
	reached = 0.75
)

// printCheckup prints a checkup and what follows from it.
func printCheckup(con *console.Console, c checkup) error {
	t := &console.Table{}
	for _, f := range c.Findings {
		t.Add(f.What, string(f.State), f.Is)
	}
	if err := con.Print(t); err != nil {
		return err
	}
	var advice []string
	for _, f := range c.Findings {
		if f.Advice != "" {
			advice = append(advice, f.Advice)
		}
	}
	end := "Something essential is missing."
	if c.Healthy {
		end = "Everything bise needs is in place."
		gpu := slices.ContainsFunc(c.Devices, func(d llama.Device) bool { return d.GPU })
		switch {
		case c.Speed != nil:
			end += fmt.Sprintf(" %s has reached %s here.", c.Speed.Model, units.Speed(c.Speed.Rate))
		case gpu || c.Backends == "" || c.Memory.Bandwidth == 0:
		case c.Memory.Busy:
			end += " The speed is not measured yet: other programs are busy."
		default:
			end += fmt.Sprintf(" Expect about %s from a 7B model at Q4_K_M.", units.Speed(c.Memory.Bandwidth*reached/sevenB))
		}
	}
	lines := append([]string{end}, advice...)
	lines = append(lines, "To update bise: "+c.Installed.Update+".")
	_, err := fmt.Fprintln(con.Stdout, strings.Join(lines, "\n"))
	return err
}
