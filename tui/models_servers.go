package tui

import (
	"fmt"
	"net/url"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/bise-sh/bise/config"
)

// serversDialog lists the models of servers: those of one, or of all.
type serversDialog struct {
	list
	only    string // the server whose models are shown; "": all
	servers []*served
	refs    []string // of the rows; "" where there is only a server
}

// A served is a server with what is known of its models.
type served struct {
	name   string
	models []string
	asked  bool // they are on their way
	err    error
}

func newServersDialog(d *desk, only string) *serversDialog {
	s := &serversDialog{list: list{desk: d, letters: true}, only: only}
	s.intro = []string{"Models that run elsewhere. What you write is sent there."}
	s.empty = []string{"No server is known. La Plateforme, another bise and every server that speaks OpenAI's API will do: add one with a."}
	s.detail = s.known
	s.look()
	return s
}

// look takes over the servers that are known.
func (s *serversDialog) look() {
	before := map[string]*served{}
	for _, v := range s.servers {
		before[v.name] = v
	}
	s.servers = nil
	if s.shelf.endpoints == nil {
		return
	}
	for _, name := range sortedKeys(s.shelf.endpoints.Endpoints()) {
		if s.only != "" && name != s.only {
			continue
		}
		v := before[name]
		if v == nil {
			v = &served{name: name}
		}
		s.servers = append(s.servers, v)
	}
	s.refresh()
}

func (s *serversDialog) refresh() {
	s.refs = nil
	var rows []row
	add := func(group, text, ref string, dim bool) {
		if _, marks, ok := match(s.filter.text, text); ok {
			s.refs = append(s.refs, ref)
			rows = append(rows, row{group: oneLine(group), cells: []string{oneLine(text)}, marks: marks, dim: dim})
		}
	}
	for _, v := range s.servers {
		for _, name := range v.models {
			add(v.name, name, v.name+"/"+name, false)
		}
		switch {
		case v.err != nil:
			msg, _ := told(v.err)
			add(v.name, "✗ "+msg, "", true)
		case v.asked:
			add(v.name, "asking which models it has", "", true)
		case len(v.models) == 0:
			add(v.name, "it has no models", "", true)
		}
	}
	s.show(rows)
}

func (s *serversDialog) known(i, width int) []string {
	if s.refs[i] == "" {
		return nil
	}
	return []string{s.theme.muted.Render(cut(oneLine(s.refs[i]), width))}
}

// servedRead brings the models of a server, and serverAdded tells that one is known
// that was not.
type (
	servedRead struct {
		server string
		models []string
		err    error
	}
	serverAdded struct {
		name string
		err  error
	}
	serverNamed struct{ url string }
	serverKeyed struct{ url, variable string }
)

func (s *serversDialog) begin() tea.Cmd {
	var cmds []tea.Cmd
	ctx, endpoints := s.ctx, s.shelf.endpoints
	for _, v := range s.servers {
		if v.asked || v.models != nil {
			continue
		}
		v.asked = true
		cmds = append(cmds, func() tea.Msg {
			list, err := endpoints.Served(ctx, v.name)
			return servedRead{v.name, list, err}
		})
	}
	s.refresh()
	return tea.Batch(cmds...)
}

func (s *serversDialog) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case servedRead:
		for _, v := range s.servers {
			if v.name == msg.server {
				v.asked, v.models, v.err = false, msg.models, msg.err
			}
		}
		s.refresh()
	case serverNamed:
		return s.askKey(msg.url)
	case serverKeyed:
		return s.add(msg)
	case serverAdded:
		if msg.err != nil {
			s.sayError(msg.err)
			return nil
		}
		s.only = ""
		s.look()
		return s.begin()
	}
	return nil
}

// askKey asks for the key of a server, unless it is one of this machine.
func (s *serversDialog) askKey(address string) tea.Cmd {
	address = strings.TrimSpace(address)
	if address == "" {
		return nil
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		s.say(fmt.Sprintf("%s is no address of a server", oneLine(address)))
		return nil
	}
	usual := ""
	if ofMistral(u) {
		usual = "MISTRAL_API_KEY"
	}
	d := newPrompt(s.desk, "Key", "The variable of the environment that has the key for it; nothing if it wants none. The key itself is not written down.", usual, "add", func(variable string) tea.Msg {
		return serverKeyed{address, strings.TrimSpace(variable)}
	})
	return func() tea.Msg { return opened{d} }
}

func ofMistral(u *url.URL) bool { return strings.HasSuffix("."+u.Hostname(), ".mistral.ai") }

// add is the command that writes a server down.
func (s *serversDialog) add(msg serverKeyed) tea.Cmd {
	endpoints, name := s.shelf.endpoints, serverName(msg.url, s.shelf.endpoints.Endpoints())
	return func() tea.Msg { return serverAdded{name, endpoints.AddEndpoint(name, msg.url, msg.variable)} }
}

// serverName makes a name for a server, of its host's; one that is taken gets a
// number.
func serverName(address string, taken map[string]config.Endpoint) string {
	name := "server"
	if u, err := url.Parse(address); err == nil {
		name, _, _ = strings.Cut(u.Hostname(), ".")
		if ofMistral(u) {
			name = "plateforme"
		}
	}
	if strings.Trim(name, "0123456789") == "" || strings.ContainsAny(name, ":/") {
		name = "server"
	}
	unique := name
	for n := 2; ; n++ {
		if _, ok := taken[unique]; !ok {
			return unique
		}
		unique = fmt.Sprint(name, n)
	}
}

func (s *serversDialog) title() string { return "Servers" }
func (s *serversDialog) note() string  { return "" }

var addKey = letter("a", "add a server")

func (s *serversDialog) bindings() []hint {
	list := []hint{{addKey, ""}, {filterKey, ""}, {s.keys.Back, ""}}
	if i, ok := s.row(); ok && s.refs[i] != "" {
		list = append([]hint{{s.keys.Choose, "use it"}}, list...)
	}
	return list
}

func (s *serversDialog) foot() foot { return foot{hints: s.bindings()} }

func (s *serversDialog) press(k tea.KeyPressMsg) outcome {
	if is(k, addKey) && !s.filtering {
		return tell(opened{newPrompt(s.desk, "Add a server", "Its address, such as https://api.mistral.ai for La Plateforme, or http://127.0.0.1:8642 for another bise.", "", "go on", func(address string) tea.Msg {
			return serverNamed{address}
		})})
	}
	change := s.list.press(k)
	switch {
	case change.filtered:
		s.refresh()
		return took(nil)
	case change.handled:
		return took(nil)
	case is(k, s.keys.Choose):
		return s.choice()
	case is(k, s.keys.Back):
		return answer(nil)
	}
	return pass()
}

func (s *serversDialog) choice() outcome {
	i, ok := s.row()
	if !ok || s.refs[i] == "" {
		return took(nil)
	}
	o := answer(modelChosen{s.refs[i]})
	return o
}

func (s *serversDialog) paste(text string) outcome {
	if s.list.paste(text).filtered {
		s.refresh()
	}
	return took(nil)
}

func (s *serversDialog) click(_, y int) outcome {
	if _, again := s.list.click(y); again {
		return s.choice()
	}
	return took(nil)
}
