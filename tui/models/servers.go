package models

import (
	"fmt"
	"net/url"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/tui/kit"
)

// serversDialog lists the models of one server or of all.
type serversDialog struct {
	kit.ListDialog
	service *Service
	only    string // this server alone; "": all
	servers []*server
	refs    []string // of the rows; "": not a model
}

// A server is an endpoint and its models.
type server struct {
	name    string
	models  []string
	loading bool // the models are being requested
	err     error
}

func newServersDialog(s *Service, only string) *serversDialog {
	d := &serversDialog{service: s, only: only}
	d.ListDialog = kit.ListDialog{
		List: kit.List{Look: s.look, FilterOnSlash: true}, Heading: "Servers", Hints: d.hints,
		Refill: func() tea.Cmd { d.refresh(); return nil },
		Choose: func(row int) kit.Outcome {
			if d.refs[row] == "" {
				return kit.Handled(nil)
			}
			return kit.Close(Chosen{d.refs[row]})
		},
	}
	d.Intro = []string{"Models on servers. Your messages are sent there."}
	d.Detail = d.describeRow
	d.readServers()
	return d
}

// readServers lists the configured servers.
func (s *serversDialog) readServers() {
	before := map[string]*server{}
	for _, v := range s.servers {
		before[v.name] = v
	}
	s.servers = nil
	if s.service.endpoints == nil {
		return
	}
	for _, name := range sortedKeys(s.service.endpoints.Endpoints()) {
		if s.only != "" && name != s.only {
			continue
		}
		v := before[name]
		if v == nil {
			v = &server{name: name}
		}
		s.servers = append(s.servers, v)
	}
	s.refresh()
}

func (s *serversDialog) refresh() {
	s.refs = nil
	var rows []kit.Row
	add := func(group, text, ref string, dim bool) {
		if _, marks, ok := kit.Match(s.Filter.Text, text); ok {
			s.refs = append(s.refs, ref)
			rows = append(rows, kit.Row{Group: kit.OneLine(group), Cells: []string{kit.OneLine(text)}, Marks: marks, Dim: dim})
		}
	}
	for _, v := range s.servers {
		for _, name := range v.models {
			add(v.name, name, v.name+"/"+name, false)
		}
		switch {
		case v.err != nil:
			msg, _ := kit.Explain(v.err)
			add(v.name, "✗ "+msg, "", true)
		case v.loading:
			add(v.name, "loading the list of models", "", true)
		case len(v.models) == 0:
			add(v.name, "no models", "", true)
		}
	}
	s.Empty = []string{"No server is configured. Add La Plateforme, another bise or any server with OpenAI's API with a."}
	if s.Filter.Text != "" {
		s.Empty = []string{fmt.Sprintf("No model matches %s.", kit.OneLine(s.Filter.Text))}
	}
	s.SetRows(rows)
}

func (s *serversDialog) describeRow(i, width int) []string {
	if s.refs[i] == "" {
		return nil
	}
	return []string{s.Look.Theme.Muted.Render(kit.Truncate(joinParts(s.refs[i], library.UsedFor(s.service.choices, s.refs[i])), width))}
}

// modelsRead has the models of a server. serverAdded is the result of adding one, and
// serverEntered has its URL and the variable with its key.
type (
	modelsRead struct {
		server string
		models []string
		err    error
	}
	serverAdded struct {
		name   string
		err    error
		prompt *kit.Prompt // that asked for it
	}
	serverEntered struct {
		url, variable string
		prompt        *kit.Prompt
	}
)

func (s *serversDialog) Init() tea.Cmd {
	var cmds []tea.Cmd
	ctx, endpoints := s.service.tasks.Context(), s.service.endpoints
	for _, v := range s.servers {
		if v.loading || v.models != nil {
			continue
		}
		v.loading = true
		cmds = append(cmds, func() tea.Msg {
			list, err := endpoints.Served(ctx, v.name)
			return modelsRead{v.name, list, err}
		})
	}
	s.refresh()
	return tea.Batch(cmds...)
}

func (s *serversDialog) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case modelsRead:
		for _, v := range s.servers {
			if v.name == msg.server {
				v.loading, v.models, v.err = false, msg.models, msg.err
			}
		}
		s.refresh()
	case serverEntered:
		return s.add(msg)
	case serverAdded:
		if msg.err != nil {
			return func() tea.Msg { return kit.PromptFailed{Prompt: msg.prompt, Err: msg.err} }
		}
		s.only = ""
		s.readServers()
		return s.Init()
	}
	return nil
}

// askKey asks for the environment variable with the API key of a server.
func (s *serversDialog) askKey(address string) kit.Outcome {
	address = strings.TrimSpace(address)
	if address == "" {
		return kit.Close(nil)
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		s.service.notify.Warn(fmt.Sprintf("invalid server URL %q", kit.OneLine(address)))
		return kit.Handled(nil)
	}
	usual := ""
	if isMistral(u) {
		usual = "MISTRAL_API_KEY"
	}
	question := "Environment variable with the server's API key; empty if it needs no key. bise does not save the key."
	p := kit.NewPrompt(s.Look, "Key", question, usual, "add", nil)
	p.Done = func(variable string) kit.Outcome {
		return kit.Close(serverEntered{address, strings.TrimSpace(variable), p})
	}
	o := kit.Open(p)
	o.Closes = true
	return o
}

func isMistral(u *url.URL) bool { return strings.HasSuffix("."+u.Hostname(), ".mistral.ai") }

// add is a command that adds a server to the configuration.
func (s *serversDialog) add(msg serverEntered) tea.Cmd {
	endpoints, name := s.service.endpoints, serverName(msg.url, s.service.endpoints.Endpoints())
	return func() tea.Msg {
		return serverAdded{name, endpoints.AddEndpoint(name, msg.url, msg.variable), msg.prompt}
	}
}

// serverName returns a unique name for a server, from its host.
func serverName(address string, taken map[string]config.Endpoint) string {
	name := "server"
	if u, err := url.Parse(address); err == nil {
		name, _, _ = strings.Cut(u.Hostname(), ".")
		if isMistral(u) {
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

var addKey = kit.NewBinding("a", "add a server")

func (s *serversDialog) hints() []kit.Hint {
	list := []kit.Hint{{Binding: addKey, General: true}, {Binding: filterKey, General: true}, {Binding: s.Look.Keys.Back, Words: ""}}
	if i, ok := s.SelectedRow(); ok && s.refs[i] != "" {
		list = append([]kit.Hint{{Binding: s.Look.Keys.Choose, Words: "use"}, {Binding: useKey}}, list...)
	}
	return list
}

func (s *serversDialog) Press(k tea.KeyPressMsg) kit.Outcome {
	if kit.Matches(k, addKey) && !s.Filtering {
		question := "The server's URL, such as https://api.mistral.ai for La Plateforme or http://127.0.0.1:8642 for another bise."
		return kit.Open(kit.NewPrompt(s.Look, "Add a server", question, "", "continue", s.askKey))
	}
	if i, ok := s.SelectedRow(); ok && kit.Matches(k, useKey) && !s.Filtering && s.refs[i] != "" {
		return kit.Handled(s.service.setDefault(s.refs[i]))
	}
	return s.ListDialog.Press(k)
}
