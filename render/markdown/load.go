package markdown

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	glamour "charm.land/glamour/v2/ansi"
	standard "charm.land/glamour/v2/styles"
	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/styles"

	"github.com/bise-sh/bise/fault"
)

// The bounds of a style file, which can come from anywhere.
const (
	maxStyle     = 64 << 10 // bytes
	maxStyleText = 200      // bytes of one text in it
	maxIndent    = 16       // columns
)

// Styles are the names of the styles that Glamour includes.
var Styles = slices.Sorted(maps.Keys(standard.DefaultStyles))

// LoadStyle returns a style of Glamour, or the style in a JSON file. Its path
// is relative to folder; ~ is the user's home.
func LoadStyle(nameOrPath, folder string) (*Style, error) {
	if s, ok := standard.DefaultStyles[nameOrPath]; ok {
		return glamourStyle(*s)
	}
	path := nameOrPath
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		folder, _ = os.UserHomeDir() // without a home, there is no such file
		path = rest
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	config, err := readStyle(path)
	if err == nil {
		var s *Style
		if s, err = glamourStyle(config); err == nil {
			return s, nil
		}
	}
	if !strings.ContainsAny(nameOrPath, `/\.`) {
		err = errors.New("no such style")
	}
	return nil, &fault.Error{
		Kind: fault.Usage, Cause: err,
		Msg:    fmt.Sprintf("load style %q: %v", nameOrPath, err),
		Advice: fmt.Sprintf("Set interface.style to %s, or to the path of a Glamour style file.", strings.Join(Styles, ", ")),
	}
}

func readStyle(path string) (config glamour.StyleConfig, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return config, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return config, errors.New("not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return config, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxStyle+1))
	if err != nil {
		return config, withoutPath(err)
	}
	if len(data) > maxStyle {
		return config, fmt.Errorf("larger than %d kB", maxStyle>>10)
	}
	return parseStyle(data)
}

// withoutPath returns the cause of an error on a file.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func parseStyle(data []byte) (config glamour.StyleConfig, err error) {
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return config, fmt.Errorf("not JSON: %w", err)
	}
	if err := checkStyle("", tree); err != nil {
		return config, err
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&config); err != nil {
		return config, fmt.Errorf("not a Glamour style: %w", err)
	}
	return config, nil
}

// formats are the templates that a style can use. Others can take any time and memory.
var formats = regexp.MustCompile(`^(?:[^{]|\{\{ *(?:(?:ToUpper|ToLower|ToTitle|Title|TrimSpace) +)?\.text(?: *\| *(?:ToUpper|ToLower|ToTitle|Title|TrimSpace))* *\}\})*$`)

// checkStyle refuses what could command the terminal or take too much of anything.
func checkStyle(key string, value any) error {
	switch value := value.(type) {
	case map[string]any:
		for key, value := range value {
			if err := checkStyle(key, value); err != nil {
				return err
			}
		}
	case string:
		switch {
		case len(value) > maxStyleText:
			return fmt.Errorf("%s: longer than %d bytes", key, maxStyleText)
		case visible(value) != strings.ReplaceAll(value, "\n", " "):
			return fmt.Errorf("%s: has control characters", key)
		case key == "format" && !formats.MatchString(value):
			return fmt.Errorf("format: unsupported template %q: want {{.text}}", value)
		}
	case float64:
		if value < 0 || value > maxIndent {
			return fmt.Errorf("%s: want a number from 0 to %d", key, maxIndent)
		}
	}
	return nil
}

// glamourStyle returns a style in which code has the colours of the configuration,
// whatever the background is.
func glamourStyle(config glamour.StyleConfig) (*Style, error) {
	s := &Style{sheet: newSheet(config), code: styles.Registry[config.CodeBlock.Theme]}
	c := config.CodeBlock.Chroma
	if c == nil {
		return s, nil
	}
	entries := chroma.StyleEntries{}
	for token, p := range map[chroma.TokenType]glamour.StylePrimitive{
		chroma.Text: c.Text, chroma.Error: c.Error, chroma.Comment: c.Comment, chroma.CommentPreproc: c.CommentPreproc, chroma.Keyword: c.Keyword,
		chroma.KeywordReserved: c.KeywordReserved, chroma.KeywordNamespace: c.KeywordNamespace, chroma.KeywordType: c.KeywordType,
		chroma.Operator: c.Operator, chroma.Punctuation: c.Punctuation, chroma.Name: c.Name, chroma.NameBuiltin: c.NameBuiltin,
		chroma.NameTag: c.NameTag, chroma.NameAttribute: c.NameAttribute, chroma.NameClass: c.NameClass, chroma.NameConstant: c.NameConstant,
		chroma.NameDecorator: c.NameDecorator, chroma.NameException: c.NameException, chroma.NameFunction: c.NameFunction, chroma.NameOther: c.NameOther,
		chroma.Literal: c.Literal, chroma.LiteralNumber: c.LiteralNumber, chroma.LiteralDate: c.LiteralDate, chroma.LiteralString: c.LiteralString,
		chroma.LiteralStringEscape: c.LiteralStringEscape, chroma.GenericDeleted: c.GenericDeleted, chroma.GenericEmph: c.GenericEmph,
		chroma.GenericInserted: c.GenericInserted, chroma.GenericStrong: c.GenericStrong, chroma.GenericSubheading: c.GenericSubheading,
	} {
		if p.Color != nil {
			entries[token] = *p.Color
		}
	}
	var err error
	if s.code, err = chroma.NewStyle("", entries); err != nil {
		return nil, fmt.Errorf("code_block.chroma: %w", err)
	}
	return s, nil
}
