package model

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// pullFlags are the flags of bise pull.
type pullFlags struct {
	yes         bool   // accept every licence
	accept      string // the ID of the licence to accept; "": ask
	fromSource  bool
	kind        string
	sha256      string
	again       bool
	anyway      bool
	sendToken   bool
	connections int
	limit       string
}

// Pull is the command bise pull.
func Pull(con *console.Console, lib *library.Library) *cobra.Command {
	var v pullFlags
	cmd := &cobra.Command{
		Use:   "pull REF…",
		Short: "Download models",
		Long: `Download models and verify every byte. REF is a model of the catalogue, with or
without a type (codestral, mistral-nemo:q8_0), a repository of the Hugging Face Hub
(hf:owner/repo, with :TYPE or :FILE behind it), a model of Ollama's registry
(ollama:mistral:7b), or the URL of a GGUF file.

If a type is not published, bise makes it from the original weights. An
interrupted pull continues where it stopped. A licence with restrictions must be
accepted first: bise asks on a terminal; elsewhere use --yes or --accept-licence=ID.
To sign in to the hub, set HF_TOKEN or use the hub's program.`,
		Example: `bise pull ministral-3-3b
bise pull codestral:q5_k_m --accept-licence=MNPL-0.1
bise pull mathstral --from-source --type Q6_K --limit-rate 5MB`,
		Args: flags.Args(cobra.MinimumNArgs(1), "one model or more"),
		RunE: func(cmd *cobra.Command, args []string) error { return runPull(cmd.Context(), con, lib, v, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&v.yes, "yes", false, "accept every licence")
	f.StringVar(&v.accept, "accept-licence", "", "accept the licence with this `ID`, such as MNPL-0.1")
	f.BoolVar(&v.fromSource, "from-source", false, "make the model from its original weights, even if a GGUF file is published")
	f.StringVar(&v.kind, "type", "", "download the weights as `TYPE`, such as Q8_0 (default: Q4_K_M)")
	f.StringVar(&v.sha256, "sha256", "", "the SHA-256 checksum, `HEX`, of the file at a URL")
	f.BoolVar(&v.again, "again", false, "download the model even if it is installed")
	f.BoolVar(&v.anyway, "anyway", false, "download the model even if this machine cannot run it")
	f.BoolVar(&v.sendToken, "send-token", false, "also send the token to the mirror in HF_ENDPOINT")
	f.IntVar(&v.connections, "connections", 0, "use at most `N` connections for a file, 1 to 16 (default: 8)")
	f.StringVar(&v.limit, "limit-rate", "", "download at most `RATE` bytes per second, such as 500kB or 5MB")
	return cmd
}

func runPull(ctx context.Context, con *console.Console, lib *library.Library, v pullFlags, refs []string) error {
	limit, err := parseRate(v.limit)
	if err != nil {
		return err
	}
	if v.connections < 0 || v.connections > 16 {
		return fault.Errorf(fault.Usage, "invalid --connections %d: want 1 to 16", v.connections)
	}
	if v.sha256 != "" && len(refs) > 1 {
		return fault.Errorf(fault.Usage, "--sha256 is for one file, but %d models are named", len(refs))
	}
	if v.accept != "" {
		if _, ok := licence.Find(v.accept); !ok {
			return fault.Errorf(fault.Usage, "unknown licence %q", v.accept)
		}
	}
	lib.ConfigureDownloads(library.DownloadOptions{Connections: v.connections, Limit: limit, SendToken: v.sendToken})
	defer lib.Close()
	for _, ref := range refs {
		if err := pullModel(ctx, con, lib, v, ref); err != nil {
			con.Erase()
			return con.Fail(err)
		}
	}
	return nil
}

func pullModel(ctx context.Context, con *console.Console, lib *library.Library, v pullFlags, ref string) error {
	con.Wait(func(int) string { return "looking for " + con.Clean(ref) })
	plan, err := lib.Plan(ctx, pull.Request{Ref: ref, Type: v.kind, FromSource: v.fromSource, SHA256: v.sha256, Again: v.again, Anyway: v.anyway})
	if err != nil {
		return err
	}
	con.Erase()
	if m := plan.Installed; m != nil {
		how := "is installed already"
		if hub, _ := models.ParseRef(ref); m.Manifest != nil && hub.Repo != "" && !strings.EqualFold(hub.Repo, m.Manifest.Source.Repo) {
			how = fmt.Sprintf("is installed already, from %s (--again replaces it)", cmp.Or(m.Manifest.Source.Repo, "a file"))
		}
		return printInstalled(con, plan, *m, how)
	}
	if err := printPlan(con, plan); err != nil {
		return err
	}
	if err := acceptLicence(ctx, con, plan, v); err != nil {
		return err
	}
	var progress pull.Progress
	warned := len(plan.Warnings)
	done := make(chan struct{})
	var events sync.WaitGroup
	if con.JSON {
		events.Go(func() { streamProgress(con, plan, &progress, done) })
	} else {
		con.Wait(func(columns int) string { return pullLine(plan.Name, progress.Sample(), columns) })
	}
	m, err := lib.Pull(ctx, plan, &progress)
	close(done)
	events.Wait()
	con.Erase()
	switch {
	case err != nil && ctx.Err() != nil:
		con.Notef("Stopped. Continue with %s.", plan.Request.Command())
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	printWarnings(con, plan.Warnings[warned:])
	return printInstalled(con, plan, m, "is installed and verified")
}

// A plannedPull is the event before a pull begins.
type plannedPull struct {
	Type       string           `json:"type"`
	Name       string           `json:"name"`
	Tag        string           `json:"tag"`
	Title      string           `json:"title"`
	Weights    string           `json:"weights"` // their type
	Source     models.Source    `json:"source"`
	Download   int64            `json:"download_bytes"` // −1: not known
	Disk       int64            `json:"disk_bytes"`
	FromSource bool             `json:"from_source"`
	Licence    *licence.Licence `json:"licence"`
	Fit        *fit.Plan        `json:"fit,omitempty"`
	Warnings   []string         `json:"warnings"`
}

// printPlan says what will be done.
func printPlan(con *console.Console, plan *pull.Plan) error {
	if con.JSON {
		return con.WriteJSON(plannedPull{
			"plan", plan.Name, plan.Tag, plan.Title, plan.Type, plan.Source, plan.Download, plan.Disk, plan.Convert, &plan.Terms, plan.Fit, append([]string{}, plan.Warnings...),
		})
	}
	line := []string{cmp.Or(plan.Title, plan.Name)}
	if plan.Type != "" {
		line = append(line, plan.Type)
	}
	switch {
	case plan.Convert:
		line = append(line, units.Size(plan.Download)+" of original weights, made here")
	case plan.Download > 0:
		line = append(line, units.Size(plan.Download))
	}
	con.Notef("%s", con.Clean(strings.Join(line, ", ")))
	if f := plan.Fit; f != nil && f.Verdict == fit.Tight {
		con.Notef("Needs %s of memory, more than is free: close other programs before you use it.", units.Size(f.Need))
	}
	for _, l := range plan.Local {
		if l.Program == "" {
			con.Notef("%s seems to be on this machine already. It is used if its checksum is right.", con.Clean(l.Part))
			continue
		}
		con.Notef("%s has %s already. It is used in place if its checksum is right.", l.Program, con.Clean(l.Part))
	}
	printWarnings(con, plan.Warnings)
	return nil
}

func printWarnings(con *console.Console, warnings []string) {
	for _, w := range warnings {
		con.Notef("%s", fault.Sentence(con.Clean(w)))
	}
}

// acceptLicence accepts the plan's licence as the flags say, or asks the user.
func acceptLicence(ctx context.Context, con *console.Console, plan *pull.Plan, v pullFlags) error {
	if !plan.NeedsAcceptance() {
		return nil
	}
	named, _ := licence.Find(v.accept)
	if v.yes || v.accept != "" && named.ID == plan.Terms.ID {
		plan.Accept(time.Now())
		return nil
	}
	if con.JSON || v.accept != "" || !term.IsTerminal(con.Stdin) || !con.Err.Terminal() {
		return plan.LicenceError()
	}
	// A question is not a note: it is asked of those who want quiet, too.
	fmt.Fprintf(con.Stderr, "%s: %s\n", con.Clean(plan.Terms.Name), firstLower(con.Clean(plan.Terms.Summary)))
	in := bufio.NewReader(con.Stdin)
	for {
		fmt.Fprint(con.Stderr, "Accept? [y/N/read] ")
		answer, err := console.ReadLine(ctx, in)
		if err != nil {
			fmt.Fprintln(con.Stderr)
			return err
		}
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			plan.Accept(time.Now())
			return nil
		case "r", "read":
			printTerms(con, plan)
		default:
			return fault.Errorf(fault.Licence, "%s not downloaded: the licence is not accepted", plan.Name)
		}
	}
}

// printTerms shows a licence's text and where it is.
func printTerms(con *console.Console, plan *pull.Plan) {
	text := plan.Terms.Name + "\n\n" + plan.TermsText()
	if plan.Terms.Link != "" {
		text += "\n\n" + plan.Terms.Link
	}
	fmt.Fprintf(con.Stderr, "\n%s\n\n", con.Clean(text))
}

// firstLower returns a sentence as it is written after a colon.
func firstLower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// pullLine formats the progress of a pull.
func pullLine(name string, s pull.Sample, columns int) string {
	text, share, after := s.Line(name)
	return term.ProgressLine(text, share, after, columns)
}

// streamProgress writes the progress of a pull as events until done is closed.
func streamProgress(con *console.Console, plan *pull.Plan, p *pull.Progress, done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			s := p.Sample()
			left := -1.0
			if s.Left >= 0 {
				left = s.Left.Seconds()
			}
			_ = con.WriteJSON(struct {
				Type      string    `json:"type"`
				Name      string    `json:"name"`
				Step      pull.Step `json:"step"`
				What      string    `json:"what,omitempty"` // the file or the tensor
				Done      int64     `json:"done_bytes"`
				Total     int64     `json:"total_bytes"` // −1: not known
				Rate      float64   `json:"bytes_per_second"`
				Left      float64   `json:"seconds_left"` // of the step; −1: not known
				Reason    string    `json:"reason,omitempty"`
				Elsewhere bool      `json:"elsewhere,omitempty"`
			}{"progress", plan.Name, s.Step, s.Name, s.Done, s.Total, s.Rate, left, s.Reason, s.Elsewhere})
		}
	}
}

// printInstalled says that a model is here, and what to do with it.
func printInstalled(con *console.Console, plan *pull.Plan, m models.Model, how string) error {
	if con.JSON {
		return con.WriteJSON(struct {
			Type     string           `json:"type"`
			Name     string           `json:"name"`
			Tag      string           `json:"tag"`
			Path     string           `json:"path"`
			Already  bool             `json:"already"`
			Manifest *models.Manifest `json:"manifest"`
			Warnings []string         `json:"warnings"`
		}{"installed", plan.Name, plan.Tag, m.Path, plan.Installed != nil, m.Manifest, append([]string{}, plan.Warnings...)})
	}
	sum := ""
	if man := m.Manifest; man != nil && len(man.Files) > 0 && plan.Installed == nil {
		if s := man.Files[0].SHA256; len(s) == 64 {
			sum = fmt.Sprintf(" (sha256 %s…%s)", s[:4], s[60:])
		}
	}
	con.Notef("%s %s%s. Try: %s", m.Name, how, sum, tryIt(m))
	return nil
}

// tryIt is a command that shows what a model is good for.
func tryIt(m models.Model) string {
	can := func(a catalog.Ability) bool { return m.Manifest != nil && slices.Contains(m.Manifest.Can, string(a)) }
	switch {
	case can(catalog.Embed):
		return fmt.Sprintf("bise embed -m %s README.md", m.Name)
	case can(catalog.FIM):
		return fmt.Sprintf("bise complete -m %s main.go:10", m.Name)
	case can(catalog.Vision):
		return fmt.Sprintf("bise see -m %s photo.jpg \"What is on it?\"", m.Name)
	case can(catalog.Math):
		return fmt.Sprintf("bise solve -m %s \"2x - 3 = 11\"", m.Name)
	}
	return fmt.Sprintf("bise ask -m %s \"How does a slice grow in Go?\"", m.Name)
}

// parseRate reads bytes per second: 500kB, 5 MB/s, 2.5M. An empty text is 0, no limit.
func parseRate(text string) (int64, error) {
	s := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	if s == "" {
		return 0, nil
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, "/s"), "b")
	scale := 1.0
	for unit, one := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s, scale = rest, one
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n*scale >= 1) || n*scale > 1e15 {
		return 0, fault.Errorf(fault.Usage, "invalid --limit-rate %q: want bytes per second, such as 500kB or 5MB", text)
	}
	return int64(n * scale), nil
}
