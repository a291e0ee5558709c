package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/machine"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
)

// A Source says what chose a model.
type Source string

const (
	Named       Source = "named"      // the caller: -m, or a choice in the interface
	Environment Source = "BISE_MODEL" // the variable
	ModeSetting Source = "mode"       // the mode's key in [models] of config.toml
	Default     Source = "default"    // model in config.toml
	Best        Source = "best"       // nothing: it is the best installed model
)

// A Choice is the model that a mode uses, and why.
type Choice struct {
	Mode   string `json:"mode"`
	Ref    string `json:"model"` // the model's one name, see [Library.Choose]; "": there is none
	Source Source `json:"source,omitempty"`
	Remote bool   `json:"remote,omitempty"` // a server runs it
	Unable bool   `json:"unable,omitempty"` // it cannot do what the mode needs
	Why    string `json:"why"`              // the source, or what is wrong, as a phrase
	Err    error  `json:"-"`                // why the model cannot be used, or nil
}

// uses says what each mode needs a model for. A mode prefers a model with one ability, and
// works with one that has the other.
var uses = map[string]struct {
	needs, prefers catalog.Ability
	task           string
}{
	"chat":   {catalog.Chat, catalog.Chat, "chat"},
	"review": {catalog.Chat, catalog.Chat, "chat"},
	"code":   {catalog.FIM, catalog.FIM, "complete code"},
	"math":   {catalog.Chat, catalog.Math, "chat"},
	"vision": {catalog.Vision, catalog.Vision, "read images"},
	"audio":  {catalog.Audio, catalog.Audio, "hear"},
	"embed":  {catalog.Embed, catalog.Embed, "compute embeddings"},
}

// Choose returns the model of a mode: the one that ref names, or else BISE_MODEL, or else
// the mode's key in [models] of config.toml, or else model there, or else the best
// installed one. A default that cannot do what the mode needs is passed over for one that
// can.
//
// The best installed model can do what the mode needs, fits into this machine's memory, and
// is bise's own. Of several it is the one that was installed first: a model that is pulled
// or imported changes nothing that works.
//
// A model has one name everywhere: that of bise list, endpoint/model on a server, or the
// absolute path of a file that is not installed.
func (l *Library) Choose(mode, ref string) Choice {
	return l.choose(mode, ref, l.Store().List)
}

func (l *Library) choose(mode, ref string, list func() ([]models.Model, error)) Choice {
	s := l.settings()
	c := Choice{Mode: mode, Source: Named, Why: "named"}
	switch {
	case ref != "":
	case os.Getenv("BISE_MODEL") != "":
		ref, c.Source, c.Why = os.Getenv("BISE_MODEL"), Environment, "BISE_MODEL"
	case s.Models.Of(mode) != nil && *s.Models.Of(mode) != "":
		ref, c.Source, c.Why = *s.Models.Of(mode), ModeSetting, fmt.Sprintf("models.%s in config.toml", mode)
	case s.Model != "":
		ref, c.Source, c.Why = s.Model, Default, "the default"
	}
	if ref == "" {
		l.chooseBest(&c, list)
		return c
	}
	c.Ref = ref
	if _, _, c.Remote = l.splitEndpoint(ref); c.Remote {
		return c
	}
	m, err := l.Find(ref)
	if err != nil {
		c.fail(withSource(err, l.sourceText(c.Source)))
		return c
	}
	c.Ref = l.nameOf(m)
	if use, ok := uses[mode]; ok && c.Source == Default && !l.can(m, use.needs) {
		if best := (Choice{Mode: mode}); l.chooseBest(&best, list) {
			best.Why += fmt.Sprintf("; the default, %s, cannot %s", c.Ref, use.task)
			return best
		}
		c.Unable = true
		c.Why += "; no installed model can " + use.task
	}
	return c
}

// Choices returns the choice of every mode, without a model that a caller names.
func (l *Library) Choices() []Choice {
	installed := sync.OnceValues(l.Store().List)
	list := make([]Choice, len(config.Modes))
	for i, mode := range config.Modes {
		list[i] = l.choose(mode, "", installed)
	}
	return list
}

// A ChoiceGroup is a model with the modes that use it for the same reason.
type ChoiceGroup struct {
	Modes []string
	Choice
}

// GroupChoices joins the choices of the same model for the same reason.
func GroupChoices(list []Choice) []ChoiceGroup {
	var groups []ChoiceGroup
	for _, c := range list {
		i := slices.IndexFunc(groups, func(g ChoiceGroup) bool { return g.Ref == c.Ref && g.Why == c.Why })
		if i < 0 {
			groups = append(groups, ChoiceGroup{Choice: c})
			i = len(groups) - 1
		}
		groups[i].Modes = append(groups[i].Modes, c.Mode)
	}
	return groups
}

// UsedFor says which modes use a model, and why; "" if none does.
func UsedFor(list []Choice, ref string) string {
	var parts []string
	for _, g := range GroupChoices(list) {
		if g.Ref == ref {
			parts = append(parts, fmt.Sprintf("%s (%s)", strings.Join(g.Modes, ", "), g.Why))
		}
	}
	return strings.Join(parts, "; ")
}

// Name returns the model's name for display.
func (c Choice) Name() string {
	switch {
	case c.Ref == "":
		return "no model"
	case c.Remote:
		return RemoteMark + " " + c.Ref
	}
	return c.Ref
}

// RemoteMark marks the name of a model that a server runs.
const RemoteMark = "⇡"

func (c *Choice) fail(err error) {
	c.Err = err
	msg, _ := fault.Explain(err)
	c.Why = strings.TrimSuffix(msg, ".")
}

// sourceText names a source for a user who has to change it.
func (l *Library) sourceText(s Source) string {
	switch s {
	case Environment:
		return string(s)
	case ModeSetting, Default:
		return l.options.Places.File()
	}
	return ""
}

// settings returns the models that config.toml sets.
func (l *Library) settings() config.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Config
}

// Use makes a model the default, or the model of a mode if mode is not "". It writes
// config.toml. An empty ref removes the setting.
func (l *Library) Use(mode, ref string) (Choice, error) {
	var c Choice
	if ref != "" {
		if c = l.Choose(cmp.Or(mode, "chat"), ref); c.Err != nil {
			return c, c.Err
		}
	}
	if err := config.SaveModel(l.options.Places.File(), mode, c.Ref); err != nil {
		return c, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if mode == "" {
		l.options.Config.Model = c.Ref
	} else {
		*l.options.Config.Models.Of(mode) = c.Ref
	}
	return c, nil
}

// OpenFor opens the model of a mode; see [Library.Choose] and [Library.Open].
func (l *Library) OpenFor(ctx context.Context, mode, ref string, o engine.LoadOptions) (engine.Engine, Choice, error) {
	c := l.Choose(mode, ref)
	if c.Err != nil && l.options.Engine == nil {
		return nil, c, c.Err
	}
	e, err := l.Open(ctx, c.Ref, o)
	return e, c, err
}

// FindChosen returns the model file of a mode; see [Library.Choose].
func (l *Library) FindChosen(mode, ref string) (models.Model, error) {
	c := l.Choose(mode, ref)
	if c.Err != nil {
		return models.Model{}, c.Err
	}
	return l.Find(c.Ref)
}

// nameOf returns the one name of a model.
func (l *Library) nameOf(m models.Model) string {
	if m.Origin != models.Elsewhere {
		return m.Name
	}
	list, _ := l.Store().List()
	for _, known := range list {
		if known.Path == m.Path && known.Problem == nil {
			return known.Name
		}
	}
	return m.Path
}

// chooseBest chooses an installed model, and reports whether it can do what the mode needs.
func (l *Library) chooseBest(c *Choice, installed func() ([]models.Model, error)) bool {
	c.Source, c.Why = Best, "the best installed"
	all, err := installed()
	if err != nil {
		c.fail(err)
		return false
	}
	list := slices.DeleteFunc(slices.Clone(all), func(m models.Model) bool { return m.Problem != nil })
	if len(list) == 0 {
		c.fail(l.Store().NoModel("no model is installed"))
		return false
	}
	use := uses[c.Mode]
	total, _ := machine.Memory()
	rank := func(m models.Model) []int {
		fits := total == 0 || m.Size < total
		return []int{no(l.can(m, use.needs)), no(fits), no(l.can(m, use.prefers)), foreignness[m.Origin]}
	}
	ranks := map[string][]int{}
	for _, m := range list {
		ranks[m.Path] = rank(m)
	}
	best := slices.MinFunc(list, func(a, b models.Model) int {
		return cmp.Or(slices.Compare(ranks[a.Path], ranks[b.Path]), a.Modified.Compare(b.Modified), cmp.Compare(a.Name, b.Name))
	})
	c.Ref = best.Name
	if !l.can(best, use.needs) {
		c.Unable = true
		c.Why = "no installed model can " + use.task
		return false
	}
	return true
}

// foreignness orders the origins of models: what the user gave to bise comes first, then
// files without a manifest, whose age may be older than their installation.
var foreignness = map[models.Origin]int{models.Loose: 1, models.Cached: 2}

// no is 0 for true, so that what is true comes first.
func no(b bool) int {
	if b {
		return 0
	}
	return 1
}

// can reports whether a model has an ability; every model has "".
func (l *Library) can(m models.Model, a catalog.Ability) bool {
	if a == "" {
		return true
	}
	if m.Manifest != nil && len(m.Manifest.Can) > 0 {
		return slices.Contains(m.Manifest.Can, string(a))
	}
	key := fmt.Sprint(m.Path, m.Modified, m.Projector)
	l.mu.Lock()
	list, ok := l.abilities[key]
	l.mu.Unlock()
	if !ok {
		list = Describe(m).Can
		l.mu.Lock()
		l.abilities[key] = list
		l.mu.Unlock()
	}
	return slices.Contains(list, string(a))
}

// IsRemote reports whether a REF names a model of an endpoint.
func (l *Library) IsRemote(ref string) bool {
	_, _, ok := l.splitEndpoint(ref)
	return ok
}

func (l *Library) splitEndpoint(ref string) (endpoint, model string, ok bool) {
	endpoint, model, ok = strings.Cut(ref, "/")
	if !ok {
		return "", "", false
	}
	_, ok = l.Endpoints()[endpoint]
	return endpoint, model, ok
}

func withSource(err error, source string) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || source == "" || !strings.Contains(e.Msg, "\"") {
		return err
	}
	better := *e
	better.Advice = strings.TrimSpace(fmt.Sprintf("%s sets that name. %s", source, e.Advice))
	return &better
}
