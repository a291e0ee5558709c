package convert

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestSupports(t *testing.T) {
	for _, c := range []struct {
		file   string
		config any
		what   string
	}{
		{"config.json", hfDoc(), ""},
		{"params.json", nativeDoc(), ""},
		{"config.json", object{"architectures": []string{"GPT2LMHeadModel"}}, "GPT2LMHeadModel"},
		{"config.json", object{"architectures": []string{"Mistral3ForConditionalGeneration"}, "text_config": object{"model_type": "mistral5"}}, "mistral5"},
		{"config.json", "nothing", "config.json"},
		{"README.md", object{}, "not a model configuration"},
	} {
		data, err := json.Marshal(c.config)
		if err != nil {
			t.Fatal(err)
		}
		err = Supports(c.file, data)
		if c.what == "" && err != nil || c.what != "" && (err == nil || !strings.Contains(err.Error(), c.what)) {
			t.Errorf("%s %s: %v", c.file, data, err)
		}
		if e, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || e.Kind != fault.BadData) {
			t.Errorf("%v is no error of this package", err)
		}
	}
}
