package huggingface

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// Environment reads the settings of Hugging Face's programs: HF_ENDPOINT, HF_HUB_OFFLINE, and
// the token of HF_TOKEN or of the file that `hf auth login` writes. See
// https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables.
func Environment(getenv func(string) string) (Options, error) {
	o := Options{
		Endpoint: strings.TrimSpace(getenv("HF_ENDPOINT")),
		Offline:  isTrue(getenv("HF_HUB_OFFLINE")) || isTrue(getenv("TRANSFORMERS_OFFLINE")),
	}
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if o.Token = strings.TrimSpace(getenv(name)); o.Token != "" {
			o.TokenFrom = name
			return o, nil
		}
	}
	if isTrue(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		return o, nil
	}
	path := tokenPath(getenv)
	if path == "" {
		return o, nil
	}
	text, err := readToken(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, fault.Advise(fault.Errorf(fault.File, "read the Hugging Face token: %w", err),
			"Put the token into HF_TOKEN, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to use none.")
	}
	if o.Token = strings.TrimSpace(text); o.Token != "" {
		o.TokenFrom = path
	}
	return o, nil
}

// isTrue parses a switch as huggingface_hub does.
func isTrue(text string) bool {
	return slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(strings.TrimSpace(text)))
}

// tokenPath is the path of the token file, "" if unknown.
func tokenPath(getenv func(string) string) string {
	if path := getenv("HF_TOKEN_PATH"); path != "" {
		return path
	}
	if home := getenv("HF_HOME"); home != "" {
		return filepath.Join(home, "token")
	}
	if cache := getenv("XDG_CACHE_HOME"); cache != "" {
		return filepath.Join(cache, "huggingface", "token")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache", "huggingface", "token")
}

// readToken reads a short regular file.
func readToken(path string) (string, error) {
	const most = 4 << 10 // bytes
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	return string(text), err
}

// tokenSource names where the token is from.
func (o Options) tokenSource() string {
	if o.TokenFrom == "" {
		return "the token"
	}
	return o.TokenFrom
}

// maskedToken shows the end of the token, enough for its owner to recognize it.
func (o Options) maskedToken() string {
	const tail = 4
	if len(o.Token) < 4*tail {
		return "hf_…"
	}
	return "hf_…" + o.Token[len(o.Token)-tail:]
}
