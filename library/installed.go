package library

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/licence"
)

// An Installed is a model on this machine, with facts from its manifest, its file and its
// worker.
type Installed struct {
	models.Model // Problem is also set if the file cannot be read

	Title   string
	Type    string   // quantization type of the weights
	Can     []string // abilities, as the catalogue names them
	Licence models.Agreement
	Terms   licence.Licence // what is known of Licence; its ID is empty if nothing is
	Needs   *fit.Model      // for planning; nil if it was not requested or is unknown
	best    Run             // of the runs here; its Rate is 0 if there is none
	State   worker.State    // of the worker that holds it; "": none does
	Workers []worker.Status
}

// MarshalJSON writes the JSON of bise list --json.
func (i Installed) MarshalJSON() ([]byte, error) {
	var source *models.Source
	if i.Manifest != nil {
		source = &i.Manifest.Source
	}
	problem := ""
	if i.Problem != nil {
		problem = i.Problem.Error()
	}
	return json.Marshal(struct {
		Name     string         `json:"name"`
		Tag      string         `json:"tag,omitempty"`
		Title    string         `json:"title,omitempty"`
		Type     string         `json:"type,omitempty"`
		Size     int64          `json:"size_bytes"`
		Licence  string         `json:"licence,omitempty"` // its ID
		Accepted time.Time      `json:"licence_accepted,omitzero"`
		Origin   models.Origin  `json:"origin"`
		Program  string         `json:"program,omitempty"` // whose cache has it
		Path     string         `json:"path"`
		Source   *models.Source `json:"source,omitempty"`
		Can      []string       `json:"can"`
		Modified time.Time      `json:"modified"`
		Used     time.Time      `json:"used,omitzero"`
		Verified time.Time      `json:"verified,omitzero"`
		State    worker.State   `json:"state,omitempty"`
		Speed    float64        `json:"measured_tokens_per_second,omitempty"`
		Problem  string         `json:"problem,omitempty"`
	}{
		i.Name, i.Tag, i.Title, i.Type, i.Size, i.Licence.ID, i.Licence.Accepted, i.Origin, i.Program, i.Path, source,
		append([]string{}, i.Can...), i.Modified, i.Used, i.Verified, i.State, i.best.Rate, problem,
	})
}

// Installed lists the models on this machine whose names contain one of names; all
// of them without names.
func (l *Library) Installed(ctx context.Context, names ...string) ([]Installed, error) {
	return l.installed(ctx, names, Describe)
}

// InstalledWithNeeds also sets Needs. It reads the header of every file.
func (l *Library) InstalledWithNeeds(ctx context.Context) ([]Installed, error) {
	return l.installed(ctx, nil, func(m models.Model) Installed {
		i, file := describe(m)
		if file == nil && i.Problem == nil {
			file, _ = gguf.Read(m.Path)
		}
		if file != nil {
			i.Needs = new(needs(m, file))
		}
		return i
	})
}

// Matches reports whether the model's name contains text, or text is a name of it.
func (i Installed) Matches(text string) bool {
	return strings.Contains(strings.ToLower(i.Name), strings.ToLower(text)) || i.HasName(text)
}

func (l *Library) installed(ctx context.Context, names []string, describe func(models.Model) Installed) ([]Installed, error) {
	store := l.Store()
	found, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, err := range store.Unreadable() {
		l.options.Note(fault.Sentence(err.Error()))
	}
	if len(names) > 0 {
		found = slices.DeleteFunc(found, func(m models.Model) bool {
			return !slices.ContainsFunc(names, Installed{Model: m}.Matches)
		})
	}
	workers, err := worker.List(ctx)
	if err != nil {
		return nil, err
	}
	runs := l.runs()
	list := make([]Installed, len(found))
	var g errgroup.Group
	g.SetLimit(8) // the disk is the slow part
	for n, m := range found {
		g.Go(func() error {
			i := describe(m)
			i.best, _ = speedOf(runs, m)
			for _, w := range workers {
				if w.Path == m.Path && w.State != worker.Failed {
					i.Workers, i.State = append(i.Workers, w), w.State
				}
			}
			list[n] = i
			return nil
		})
	}
	return list, g.Wait()
}

// Describe returns what a model's manifest says, and reads its file for the rest.
func Describe(m models.Model) Installed {
	i, _ := describe(m)
	return i
}

// describe also returns the file's header; nil if it was not needed or cannot be read.
func describe(m models.Model) (i Installed, file *gguf.File) {
	i = Installed{Model: m}
	if man := m.Manifest; man != nil {
		i.Title, i.Type, i.Can, i.Licence = man.Title, man.Type, man.Can, man.Licence
	}
	if m.Problem == nil && (i.Type == "" || len(i.Can) == 0 || i.Licence.ID == "") {
		file = i.read()
	}
	if i.Licence.ID != "" || i.Licence.Name != "" {
		i.Terms = Terms(i.Licence)
	}
	return i, file
}

// read adds the facts that only the file has. It returns the file's header, nil if it
// cannot be read.
func (i *Installed) read() *gguf.File {
	file, err := gguf.Read(i.Path)
	if err != nil {
		i.Problem = err
		return nil
	}
	sum := file.Summary()
	i.Title, i.Type = cmp.Or(i.Title, sum.Name), cmp.Or(i.Type, sum.FileType)
	i.Can = abilities(i.Model, file)
	if i.Licence.ID == "" {
		i.Licence = licenceIn(file)
	}
	return file
}

func licenceIn(file *gguf.File) (a models.Agreement) {
	a.ID, _ = file.Metadata.String("general.license")
	a.Name, _ = file.Metadata.String("general.license.name")
	a.Link, _ = file.Metadata.String("general.license.link")
	return a
}

// Terms returns what is known of a licence that a model came with.
func Terms(a models.Agreement) licence.Licence {
	if a.ID == licence.Unstated {
		return licence.Of(a.ID, a.Link)
	}
	for _, id := range []string{a.ID, a.Name} {
		if l, ok := licence.Find(id); ok && id != "" {
			return l
		}
	}
	return licence.Of(cmp.Or(a.Name, a.ID), a.Link)
}

func needs(m models.Model, file *gguf.File) fit.Model {
	var projector int64
	if info, err := os.Stat(m.Projector); err == nil {
		projector = info.Size()
	}
	return fit.FromFile(file, projector)
}

// Import adds a GGUF file to the library, with the abilities and the projector of the file.
func (l *Library) Import(ctx context.Context, im models.Import) (models.Model, error) {
	if file, err := gguf.Read(im.Path); err == nil && file.Check() == nil {
		if im.Projector == "" {
			im.Projector = layout.Projector(im.Path, file.Summary().Width)
		}
		im.Can = abilities(models.Model{Name: im.Path, Path: im.Path, Projector: im.Projector}, file)
	} // else the store reports the error
	return l.Store().Import(ctx, im)
}

// Remove unloads a model and removes it from the store. The file of an imported
// model stays, and so does its worker.
func (l *Library) Remove(ctx context.Context, m models.Model) (*models.Removed, error) {
	if m.Origin != models.Registered {
		// A worker keeps the files open: the disk space would not be freed, and Windows would
		// not remove them.
		n, err := l.Unload(ctx, m)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			l.options.Note(m.Name + " was in memory and has been stopped.")
		}
	}
	return l.Store().Remove(m)
}

// Removable returns the models of refs, unless one of them must not be removed.
func (l *Library) Removable(refs ...string) ([]models.Model, error) {
	var list []models.Model
	for _, ref := range refs {
		m, err := l.Store().Lookup(ref)
		if err != nil {
			return nil, err
		}
		if err := m.CheckRemovable(); err != nil {
			return nil, err
		}
		if !m.HasName(ref) {
			return nil, fault.Advise(fault.Errorf(fault.Usage, "incomplete model name %q", ref), "To remove %s, write its complete name.", m.Name)
		}
		list = append(list, m)
	}
	return list, nil
}
