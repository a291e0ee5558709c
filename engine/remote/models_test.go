package remote

import (
	"errors"
	"slices"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestModels(t *testing.T) {
	list := `{"object":"list","data":[{"id":"mistral-large-latest","object":"model"},{"object":"model"},{"id":"a/b"}]}`
	names, err := open(t, &foreign{body: list}, Config{}).Models(t.Context())
	if err != nil || !slices.Equal(names, []string{"mistral-large-latest", "a/b"}) {
		t.Errorf("the models are %q, %v", names, err)
	}
	if names, err = open(t, &foreign{body: `{"data":[]}`}, Config{}).Models(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("of none there are %q, %v", names, err)
	}
	for name, c := range map[string]struct {
		server *foreign
		kind   fault.Kind
	}{
		"denied": {&foreign{status: 401}, fault.Denied},
		"a page": {&foreign{body: "<html>"}, fault.Internal},
	} {
		_, err := open(t, c.server, Config{}).Models(t.Context())
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != c.kind {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
