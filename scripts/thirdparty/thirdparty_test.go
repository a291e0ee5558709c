package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func linked(t *testing.T) []module {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	mods, err := modules(t.Context())
	if err != nil && os.Getenv("CI") == "" && !strings.Contains(err.Error(), "licence") {
		t.Skip("cannot list what is linked on all systems: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return mods
}

// TestNoticesAreComplete fails when a module or a part in C++ is missing in THIRD_PARTY_NOTICES.txt, and when a
// licence has changed.
func TestNoticesAreComplete(t *testing.T) {
	mods := linked(t)
	data, err := os.ReadFile("../../THIRD_PARTY_NOTICES.txt")
	if err != nil {
		t.Fatal(err)
	}
	have := string(data)
	listed := strings.Split(have, "\n")
	for _, m := range mods {
		if m.path != self && !slices.Contains(listed, m.path) {
			t.Errorf("module %s is missing: run make notices", m.path)
		}
	}
	for _, p := range parts {
		if !slices.Contains(listed, p.name) {
			t.Errorf("%s is missing: run make notices", p.name)
		}
	}
	want, err := notices(t.Context(), mods)
	if err != nil {
		t.Fatal(err)
	}
	if have != want {
		t.Error("THIRD_PARTY_NOTICES.txt is not what make notices makes: run it, and look at git diff")
	}
}

// unlinked are modules of go.mod that no release has: tools, and what only tests import.
var unlinked = regexp.MustCompile(`^(` + strings.Join([]string{
	`github.com/aymanbagabas/go-udiff`, `github.com/charmbracelet/x/exp/(golden|ordered)`, `github.com/charmbracelet/x/vt`,
	`github.com/rogpeppe/go-internal`, `github.com/x448/float16`, `golang.org/x/(exp/typeparams|mod|tools)`,
	`honnef.co/go/tools`, `mvdan.cc/gofumpt`,
	`github.com/lufia/plan9stats`, `github.com/power-devops/perfstat`, // for Plan 9 and AIX
}, "|") + `)$`)

// TestEveryModuleIsLinkedOrKnownNotToBe compares with go.mod, so that a system that modules forgets is noticed.
func TestEveryModuleIsLinkedOrKnownNotToBe(t *testing.T) {
	mods := linked(t)
	data, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+`).FindAllStringSubmatch(string(data), -1) {
		name := m[1]
		is := slices.ContainsFunc(mods, func(m module) bool { return m.path == name })
		if is == unlinked.MatchString(name) {
			t.Errorf("%s: linked is %t, and unlinked says the contrary", name, is)
		}
	}
}

func TestMaterialsNameModulesAndParts(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Deps:      []*debug.Module{{Path: "github.com/spf13/cobra", Version: "v1.10.2", Sum: "h1:x="}},
		Settings:  []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "1"}, {Key: "vcs.time", Value: "2026-11-30T00:00:00Z"}},
	}
	mods := []module{{path: "github.com/spf13/cobra", licences: []licence{{text: "Apache License\nVersion 2.0"}}}}
	for cgo, want := range map[string]int{"1": 2 + len(parts), "0": 2} {
		info.Settings[0].Value = cgo
		b := materials(info, "0.1.0", mods)
		if len(b.Components) != want {
			t.Errorf("CGO_ENABLED=%s: %d components, want %d", cgo, len(b.Components), want)
		}
		if c := b.Components[1]; c.PURL != "pkg:golang/github.com/spf13/cobra@v1.10.2" || c.Licences[0].Expression != "Apache-2.0" {
			t.Errorf("CGO_ENABLED=%s: %+v", cgo, c)
		}
	}
}

func TestVersionOfArchive(t *testing.T) {
	for name, want := range map[string]string{
		"dist/bise-0.1.0-linux-amd64.tar.gz":       "0.1.0",
		"bise-0.1.0-pre12-linux-amd64-cuda.tar.gz": "0.1.0-pre12",
		"bise-1.2.3-windows-arm64.zip":             "1.2.3",
		"something-else.zip":                       "",
	} {
		if got := versionOf(name); got != want {
			t.Errorf("%s: version %q, want %q", name, got, want)
		}
	}
}

func TestIdentifyLicences(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n  Version 2.0, January 2004":                              "Apache-2.0",
		"Permission is hereby granted, free\nof charge, to any person":             "MIT",
		"Redistribution and use in source and binary forms, … Neither the name of": "BSD-3-Clause",
		"Redistribution and use in source and binary forms, with or without":       "BSD-2-Clause",
		"Do what you like.": "",
	} {
		if got := identify(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
