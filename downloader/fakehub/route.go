package fakehub

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Route is a kind of request.
type Route string

// The routes of a hub. Any is all of them, API are the ones that respond with JSON.
const (
	Any          Route = "any"
	API          Route = "api"
	Info         Route = "info"   // of a repository, at a revision or not
	Tree         Route = "tree"   // its files
	Paths        Route = "paths"  // some of its files
	Refs         Route = "refs"   // its branches
	Access       Route = "access" // whether the user may read it
	User         Route = "user"   // the user of the token
	XetToken     Route = "xettoken"
	Harnesses    Route = "harnesses" // requested by hf once a day
	Resolve      Route = "resolve"   // a file
	ResolveCache Route = "cache"     // small public files
	Raw          Route = "raw"       // a file, or its LFS pointer
	Page         Route = "page"      // HTML
	CDN          Route = "cdn"       // anything of the CDN
	Manifest     Route = "manifest"  // of an image in the registry
	Layers       Route = "layers"    // of an image
	Realm        Route = "realm"     // tokens of the registry
)

var routes = []Route{Any, API, Info, Tree, Paths, Refs, Access, User, XetToken, Harnesses, Resolve, ResolveCache, Raw, Page, CDN, Manifest, Layers, Realm}

func (r Route) has(other Route) bool {
	return r == Any || r == other ||
		r == API && slices.Contains([]Route{Info, Tree, Paths, Refs, Access, User, XetToken}, other)
}

// A call is a parsed request.
type call struct {
	route    Route
	id       string // of a repository or an image
	revision string // "" is the default branch
	path     string // of a file or folder
	digest   string
	file     string // of an object of the CDN
}

// name is the file's name in the log.
func (c *call) name() string { return c.path + c.digest + c.file }

// repoActions end the name of a repository.
var repoActions = []string{"resolve", "raw", "blob", "tree", "revision", "refs", "auth-check", "paths-info", "xet-read-token"}

// parse parses the path of a request. It splits the path before unescaping: a revision may
// contain a slash.
func (h *Hub) parse(r *http.Request) *call {
	escaped := r.URL.EscapedPath()
	if at, ok := h.object(escaped); ok {
		return &call{route: CDN, file: at.name}
	}
	if strings.HasPrefix(escaped, "/xet-bridge-us/") || strings.HasPrefix(escaped, "/ollama/") {
		return &call{route: CDN}
	}
	rest, ok := strings.CutPrefix(escaped, h.prefix)
	if !ok {
		return &call{route: Page}
	}
	var parts []string
	for part := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
		text, err := url.PathUnescape(part)
		if err != nil {
			return &call{route: Page}
		}
		parts = append(parts, text)
	}
	switch {
	case parts[0] == "v2":
		return registryCall(parts[1:])
	case parts[0] == "api" && len(parts) > 1:
		return apiCall(parts[1:])
	}
	id, action, rest2 := splitRepo(parts)
	c := &call{route: Page, id: id}
	if len(rest2) < 2 {
		return c
	}
	switch c.revision, c.path = rest2[0], strings.Join(rest2[1:], "/"); action {
	case "resolve":
		c.route = Resolve
	case "raw":
		c.route = Raw
	}
	return c
}

func apiCall(parts []string) *call {
	switch parts[0] {
	case "whoami-v2":
		return &call{route: User}
	case "agent-harnesses":
		return &call{route: Harnesses}
	case "resolve-cache":
		return cacheCall(parts[1:])
	case "models":
	default:
		return &call{route: Page}
	}
	id, action, rest := splitRepo(parts[1:])
	c := &call{route: Page, id: id}
	if len(rest) > 0 {
		c.revision, c.path = rest[0], strings.Join(rest[1:], "/")
	}
	switch action {
	case "", "revision":
		c.route = Info
	case "tree":
		c.route = Tree
	case "paths-info":
		c.route = Paths
	case "refs":
		c.route = Refs
	case "auth-check":
		c.route = Access
	case "xet-read-token":
		c.route = XetToken
	}
	return c
}

func cacheCall(parts []string) *call {
	i := slices.IndexFunc(parts, func(p string) bool { return len(p) == 40 && strings.Trim(p, "0123456789abcdef") == "" })
	if len(parts) == 0 || parts[0] != "models" || i < 2 {
		return &call{route: Page}
	}
	return &call{route: ResolveCache, id: strings.Join(parts[1:i], "/"), revision: parts[i], path: strings.Join(parts[i+1:], "/")}
}

// splitRepo splits a path into the name of a repository, of one or two segments, the action
// and the rest.
func splitRepo(parts []string) (id, action string, rest []string) {
	for i := 1; i <= 2 && i < len(parts); i++ {
		if slices.Contains(repoActions, parts[i]) {
			return strings.Join(parts[:i], "/"), parts[i], parts[i+1:]
		}
	}
	return strings.Join(parts, "/"), "", nil
}

func registryCall(parts []string) *call {
	if len(parts) == 1 && parts[0] == "token" {
		return &call{route: Realm}
	}
	if len(parts) != 4 {
		return &call{route: Page}
	}
	c := &call{route: Page, id: parts[0] + "/" + parts[1]}
	switch parts[2] {
	case "manifests":
		c.route, c.revision = Manifest, parts[3]
	case "blobs":
		c.route, c.digest = Layers, parts[3]
	}
	return c
}
