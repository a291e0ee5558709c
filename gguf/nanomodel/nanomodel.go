// Package nanomodel gives tests test-nano, a trained model of 1.8 million parameters.
//
// It adds and subtracts numbers below 100, completes one-line Go functions, and names a shape
// and its colour in an image. Tests of content ask it the [Items], which it answers with a
// margin that quantization and the order of additions cannot change. The files are in
// testdata/nano; the README there says how they were made.
package nanomodel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Files, for [Path].
const (
	Model     = "nano.gguf"        // Q8_0, of the architecture llama
	Projector = "nano.mmproj.gguf" // Q8_0, Pixtral's vision encoder
	// Tokenizer is the tekken.json that is in Model.
	Tokenizer = "../../mistral/tokenizer/testdata/tekken_tiny_v3.json"
)

// A Skill is a kind of item.
type Skill string

const (
	Ask   Skill = "ask"   // "What is 12 + 30?": "42"
	Solve Skill = "solve" // the same with the instruction of bise solve: "12 + 30 = \boxed{42}"
	Fill  Skill = "fill"  // the missing expression of a Go function
	See   Skill = "see"   // "What is it?" about an image: "a red circle"
	Turn  Skill = "turn"  // Ask, after another question of Ask
)

// An Item is a question that was not in the training data, and the model's answer.
type Item struct {
	Skill  Skill    `json:"skill"`
	Before []string `json:"before"` // question and answer of the turn before, of Turn
	Prompt string   `json:"prompt"`
	Suffix string   `json:"suffix"` // of Fill
	Image  string   `json:"image"`  // of See: a PNG, for Path
	Answer string   `json:"answer"`
	Margin float64  `json:"margin"` // in nats, between the answer's tokens and the next likely ones
}

// dir is found when the test starts: it may change its working folder later.
var dir = find()

// find returns testdata/nano of this module, or "" where the program is not run by go test.
func find() string {
	at, err := os.Getwd()
	for ; err == nil; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "testdata", "nano")
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return ""
}

// Path returns the absolute path of a file, from testdata/nano.
func Path(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Items returns the items of a skill.
func Items(t testing.TB, skill Skill) (list []Item) {
	t.Helper()
	data, err := os.ReadFile(Path(t, "items.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []Item
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if x.Skill == skill {
			list = append(list, x)
		}
	}
	if len(list) == 0 {
		t.Fatalf("items.json has no items of %s", skill)
	}
	return list
}

// Copy writes the model and its projector into a folder and returns the path of the model.
func Copy(t testing.TB, to string) string {
	t.Helper()
	for _, name := range []string{Model, Projector} {
		data, err := os.ReadFile(Path(t, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(to, Model)
}
