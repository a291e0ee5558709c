package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// maxProgram bounds what is read of an archive: the program in it.
const maxProgram = 1 << 30

// A bom is a bill of materials: the part of CycloneDX 1.6 that says what an archive is made of.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"` // of the commit: two builds of one commit are equal
	Component component `json:"component"`
}

type component struct {
	Type       string          `json:"type"`
	Ref        string          `json:"bom-ref"`
	Name       string          `json:"name"`
	Version    string          `json:"version,omitempty"`
	Licences   []licenceChoice `json:"licenses,omitempty"`
	PURL       string          `json:"purl,omitempty"`
	Properties []property      `json:"properties,omitempty"`
}

type licenceChoice struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn,omitempty"`
}

func writeSBOM(ctx context.Context, archive, file string) error {
	program, err := programIn(archive)
	if err != nil {
		return fmt.Errorf("read the program in %s: %w", archive, err)
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("read what %s was built from: %w", archive, err)
	}
	mods, err := modules(ctx)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(materials(info, versionOf(archive), mods), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// programIn returns the program in an archive of a release.
func programIn(archive string) ([]byte, error) {
	isProgram := func(name string) bool {
		return path.Base(path.Dir(name)) == "bin" && strings.TrimSuffix(path.Base(name), ".exe") == "bise"
	}
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if filepath.Ext(archive) == ".zip" {
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		z, err := zip.NewReader(file, info.Size())
		if err != nil {
			return nil, err
		}
		for _, f := range z.File {
			if isProgram(f.Name) {
				r, err := f.Open()
				if err != nil {
					return nil, err
				}
				defer r.Close()
				return io.ReadAll(io.LimitReader(r, maxProgram))
			}
		}
		return nil, errors.New("there is no bin/bise")
	}
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	for t := tar.NewReader(unpacked); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("there is no bin/bise")
		}
		if err != nil {
			return nil, err
		}
		if isProgram(h.Name) {
			return io.ReadAll(io.LimitReader(t, maxProgram))
		}
	}
}

// versionOf returns the version in the name of an archive: bise-VERSION-SYSTEM-PROCESSOR.tar.gz.
func versionOf(archive string) string {
	name := strings.TrimPrefix(filepath.Base(archive), "bise-")
	for _, system := range []string{"-linux-", "-darwin-", "-windows-"} {
		if version, _, ok := strings.Cut(name, system); ok {
			return version
		}
	}
	return ""
}

// materials lists what a program is made of. The licences are those of the modules as they are here.
func materials(info *debug.BuildInfo, version string, mods []module) bom {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	root := component{Type: "application", Name: "bise", Version: version, PURL: "pkg:github/bise-sh/bise@v" + version, Licences: licensed("Apache-2.0")}
	root.Ref = root.PURL
	if commit := setting["vcs.revision"]; commit != "" {
		root.Properties = append(root.Properties, property{"bise:commit", commit})
	}
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{Timestamp: setting["vcs.time"], Component: root},
	}

	texts := map[string]string{}
	for _, m := range mods {
		if len(m.licences) > 0 {
			texts[m.path] = m.licences[0].text
		}
	}
	add := func(c component) {
		c.Type, c.Ref = "library", cmp.Or(c.PURL, c.Name)
		b.Components = append(b.Components, c)
	}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	add(component{Name: "std", Version: goVersion, PURL: "pkg:golang/std@" + goVersion, Licences: licensed("BSD-3-Clause")})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c := component{Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version, Licences: licensed(identify(texts[m.Path]))}
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		add(c)
	}
	if setting["CGO_ENABLED"] == "1" {
		for _, p := range parts {
			add(component{Name: p.name, Version: p.version, PURL: p.purl, Licences: licensed(p.spdx)})
		}
	}
	all := dependency{Ref: root.Ref}
	for _, c := range b.Components {
		all.On = append(all.On, c.Ref)
	}
	b.Dependencies = []dependency{all}
	return b
}

func licensed(spdx string) []licenceChoice {
	if spdx == "" {
		return nil
	}
	return []licenceChoice{{spdx}}
}

// identify returns the SPDX identifier of a licence, or "" for one that it does not know.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("Apache License") && has("Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License") && has("2.0"):
		return "MPL-2.0"
	case has("granted, free of charge, to any"):
		return "MIT"
	case has("Permission to use, copy, modify, and"):
		return "ISC"
	case has("Redistribution and use in source and binary forms"):
		if has("Neither the name") || has("may be used to endorse or promote") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	}
	return ""
}
