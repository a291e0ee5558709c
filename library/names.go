package library

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
)

// latest is the tag that Ollama's clients add to a name.
const latest = ":latest"

// namesFor is how long the meaning of a name is remembered: reading the folders of models
// takes longer than everything else that the server does for a request.
const namesFor = 2 * time.Second

// resolved is what a name stands for, and since when that is known.
type resolved struct {
	ref string
	at  time.Time
}

// resolve returns the REF of the model that a request names. An installed model's name goes
// before an alias, and an alias without * before one with it.
func (p *Pool) resolve(name string) (ref string, err error) {
	name = strings.TrimSpace(name)
	if name == "" || name == p.options.Default {
		return p.options.Default, nil
	}
	p.mu.Lock()
	known, ok := p.names[name]
	p.mu.Unlock()
	if ok && time.Since(known.at) < namesFor {
		return known.ref, nil
	}
	ref, err = p.lookUp(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.names, name)
	if err == nil && len(p.names) < maxNames {
		p.names[name] = resolved{ref, time.Now()}
	}
	return ref, err
}

// A foundModel is the file of a REF, and since when that is known.
type foundModel struct {
	models.Model
	at time.Time
}

// find is Find of the library, remembered for a moment. Its error does not tell clients where
// the file was.
func (p *Pool) find(ref string) (models.Model, error) {
	p.mu.Lock()
	known, ok := p.found[ref]
	p.mu.Unlock()
	if ok && time.Since(known.at) < namesFor {
		return known.Model, nil
	}
	m, err := p.library.Find(ref)
	if fault.KindOf(err) == fault.NotFound && filepath.IsAbs(ref) {
		name := strings.TrimSuffix(filepath.Base(ref), filepath.Ext(ref))
		err = fault.Advise(fault.Errorf(fault.NotFound, "the file of the model %q is gone", name), "GET /v1/models lists the models.")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.found, ref)
	if err == nil {
		p.found[ref] = foundModel{m, time.Now()} // REFs are names of files, so they are few
	}
	return m, err
}

// Default returns the name of the model for requests of a mode that name none: the default
// that the caller named, or the one that [Library.Choose] chooses. A mode for which there is
// no model has that of chat. It is "" if there is no model at all.
func (p *Pool) Default(mode string) (string, error) {
	p.mu.Lock()
	known, ok := p.modes[mode]
	p.mu.Unlock()
	if ok && time.Since(known.at) < namesFor {
		return known.ref, nil
	}
	name, err := p.choose(mode)
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.modes[mode] = resolved{name, time.Now()}
	return name, nil
}

func (p *Pool) choose(mode string) (string, error) {
	ref := p.options.Default
	if !p.named && mode != "chat" {
		c := p.library.Choose(mode, "")
		switch {
		case c.Err != nil:
			return "", c.Err
		case !c.Unable:
			ref = c.Ref
		}
	}
	if ref == "" || p.library.IsRemote(ref) {
		return ref, nil
	}
	m, err := p.find(ref)
	return m.Name, err
}

// maxNames bounds the names that are remembered: patterns match any number.
const maxNames = 1024

func (p *Pool) lookUp(name string) (ref string, err error) {
	list, err := p.served()
	if err != nil {
		return "", err
	}
	installed, err := p.library.Store().List()
	if err != nil {
		return "", err
	}
	names := []string{name, strings.TrimSuffix(name, latest)}
	for _, try := range names {
		for _, s := range list {
			if strings.EqualFold(s.Name, try) {
				return s.ref, nil
			}
		}
		for _, m := range installed {
			if m.Problem == nil && m.HasName(try) {
				return m.Name, nil
			}
		}
	}
	if ref, ok := p.alias(names); ok {
		return ref, nil
	}
	return "", fault.Advise(fault.Errorf(fault.NotFound, "there is no model %.200q", name), "GET /v1/models lists the models.")
}

// alias returns what an alias stands for that matches one of the names. Of several, the one
// with the most characters besides * counts.
func (p *Pool) alias(names []string) (ref string, ok bool) {
	best := -1
	for pattern, to := range p.options.Aliases {
		fixed := len(pattern) - strings.Count(pattern, "*")
		if fixed == len(pattern) {
			fixed++ // an exact name goes first
		}
		if fixed > best && slices.ContainsFunc(names, func(name string) bool { return matches(pattern, name) }) {
			best, ref = fixed, to
		}
	}
	return ref, best >= 0
}

// matches reports whether name has the form of a pattern, in which * is any text.
func matches(pattern, name string) bool {
	pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	// A slash is a character like others here, but not for package path.
	pattern, name = strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00")
	ok, err := path.Match(strings.NewReplacer("[", `\[`, "?", `\?`, `\`, `\\`).Replace(pattern), name)
	return err == nil && ok
}

// CheckAliases reports an alias that stands for nothing, or nil.
func (p *Pool) CheckAliases() error {
	for alias, ref := range p.options.Aliases {
		if p.library.IsRemote(ref) {
			continue
		}
		if _, err := p.library.Find(ref); err != nil {
			return fault.Advise(fault.Errorf(fault.Usage, "invalid alias %q: %w", alias, err), "Correct [serve.aliases] in config.toml.")
		}
	}
	return nil
}
