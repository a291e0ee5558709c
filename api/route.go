package api

import (
	"net/http"

	"github.com/bise-sh/bise/fault"
)

// A Route is a method and a path, and what answers there.
type Route struct {
	Method string
	Path   string // as http.ServeMux has patterns; the root is /{$}
	// Serve answers a request, or returns why it could not. It must not have written
	// anything then. HEAD requests go to the route with GET.
	Serve func(http.ResponseWriter, *http.Request) error
	// Fail writes an error of Serve, also of a missing key, in the shape that the clients of
	// the route expect. Nil: the envelope of La Plateforme and OpenAI.
	Fail func(w http.ResponseWriter, status int, err *fault.Error)
	// Open routes need no key.
	Open bool
	// Work is set on routes whose requests a model has to answer: they wait in the queue and
	// have a time limit.
	Work bool

	// For /openapi.json and the page of routes: what the route does in a few words, the names
	// in schemas.json of what it reads and answers, its query parameters, the content type of
	// the answer ("": JSON), and those of streams.
	Summary      string
	Body, Answer string
	Query        []string
	ContentType  string
	Streams      []string
}

// notSupported begins the summary of a route that is only there to refuse.
const notSupported = "Not supported"

// A Family adds the routes of another API to a handler. It gets the configuration as the
// handler uses it. Its requests are logged, counted and limited like all others.
type Family func(Config) []Route
