package system

import (
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/cli/build"
)

func TestVerifiedAll(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.Add(-time.Duration(n) * 24 * time.Hour) }
	for want, checks := range map[string][]time.Time{
		"all files verified 3 days ago":          {days(2), days(3)},
		"not verified yet (bise verify --all)":   {{}, {}},
		"1 not verified yet (bise verify --all)": {{}, days(3)},
	} {
		if got := verifiedAll(checks, now); got != want {
			t.Errorf("%v is %q", checks, got)
		}
	}
}

func TestExamineInstallation(t *testing.T) {
	deb := build.Installation{Method: build.Deb, Path: "/usr/bin/bise", Package: "bise"}
	for name, c := range map[string]struct {
		i             build.Installation
		first         string
		state         health
		is, hasAdvice string
	}{
		"a package":           {deb, "/usr/bin/bise", healthy, "v0.1.0, installed from: deb package, /usr/bin/bise", ""},
		"not on the PATH":     {deb, "", healthy, "v0.1.0, installed from: deb package, /usr/bin/bise", ""},
		"behind another bise": {deb, "/usr/local/bin/bise", slow, "v0.1.0, installed from: deb package, /usr/bin/bise; the PATH has another one first: /usr/local/bin/bise", "Remove it"},
		"a copied file":       {build.Installation{Method: build.Unknown, Path: "/home/ann/bise"}, "", healthy, "v0.1.0, installed by hand, /home/ann/bise", ""},
	} {
		f := examineInstallation(c.i, "v0.1.0", c.first)
		if f.State != c.state || f.Is != c.is || !strings.Contains(f.Advice, c.hasAdvice) || (f.Advice == "") != (c.hasAdvice == "") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
