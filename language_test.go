package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oddWords are patterns of English that a hurried reader, often not a native speaker,
// has to read twice, each with what to write instead. The list may only grow.
var oddWords = []struct{ pattern, instead string }{
	{`\b(is|are) no [a-z]+`, `"is not a X"; "X not found"`},
	{`\b(is|are|was|were) none\b`, `"unknown X: want A, B or C"; "there is no X"`},
	{`\bcannot be (meant|had)\b`, `"are mutually exclusive"; "is not available"`},
	{`\bcannot be %q`, `"invalid X %q: want …"`},
	{`\b(what|that|which|it|they|who|this|these) (is|are|was|were) to [a-z]+`, `a verb in the present tense`},
	{`\b(is|are) to be [a-z]+`, `"must be"; a verb`},
	{`\bof (its|their|his|her|our|my|your) own\b`, `"its own X"; "a separate X"`},
	{`\b(called|named) so\b`, `"matches"; "has this name"`},
	{`\b(nobody|somebody|anybody|everybody|whoever|whom|whomever|whosoever)\b`, `"the user", "the caller", "no one"`},
	{`\b(as|in) many as there are\b|\bso many\b`, `a number: "N"`},
	{`\b(told|tells)\b`, `"shown", "reported"; "reports", "shows"`},
	{`\b(brings?|brought|bringing)\b`, `"downloads", "adds", "has"`},
	{`\blook(s|ed|ing)? whether\b`, `"checks whether"`},
	{`\bpersons?\b`, `"user"`},
	{`\b(read|written) tokens\b|\btokens (read|written)\b`, `"prompt tokens", "completion tokens"`},
	{`\b(vision )?towers?\b`, `"vision encoder"`},
	{`\b(gambles?|gambling)\b`, `"sampling"`},
	{`\b(lies|lie|stands|stand) (in|where|beside|at|here|there|on|before|after|under|within)\b`, `"is"`},
	{`\b(anew|thereof|wherein|whereof|thereby|hitherto|whereupon|thereupon|hereby|heretofore)\b`, `"again"; "then"`},
	{`(^|[.:;] )who(soever)? [a-z]+s\b`, `"a caller that …"`},
	{`\b(has|have|had) got to\b`, `"must"`},
	{`\bwhat (it|they|he|she) (is|are) (of|for)\b`, `name the thing`},
	{`\b(it|that|which|he) (is|are|was) of (a|an|the) [a-z]+ (of|that)\b`, `name the thing`},
	{`\bbe helped\b`, `"get help"`},
	{`\bwhat (lies|stands|goes on) (here|there)\b`, `name the thing`},
	{`\bmade of it\b|\bmakes? of (it|them)\b`, `a verb`},
	{`\bthe (like|former|latter)\b`, `name the thing`},
	{`\b(a|the) gaps?\b`, `"infill"; "the text between prefix and suffix"`},
	{`\bfor people\b`, `"for display"; "human-readable"`},
	{`\b(in|with) (so|as) far as\b`, `"where", "if"`},
	{`\bthere (is|are|was) nothing (to|that|which)\b`, `"no X"`},
	{`\b(wants?) (a|an|the|one|to) [a-z]+ to [a-z]+`, `"needs"`},
	{`\bis not (a|one) of (those|them)\b`, `"is not in the list"`},
	{`\btell (what|whether|how|of|the|tokens)\b|\bonly tell\b`, `"show", "report"`},
	{`\bso (much|sure|few)\b`, `a number, "too much"`},
	{`\bof [a-z.]+'s own\b`, `"a bug in bise"; "its own X"`},
	{`\bexclude each other\b`, `"are mutually exclusive"`},
	{`\b(go|goes|went|gone) on\b`, `"continue"`},
	{`\bthose that\b|\bthose who\b`, `name the thing`},
	{`\b(is|are|was|were|be) said\b`, `"is reported"`},
	{`\bthat there (is|are)\b`, `leave it out`},
	{`\bsome (ten|twenty|thirty|fifty|hundred|thousand)\b`, `"about N"`},
	{`\bperhaps\b`, `"optionally", "may"`},
	{`\b(did|does|do) (it|so) (already|once)\b`, `a verb`},
	{`\b(a|the) heads? of (a|the|its) (file|model|gguf)\b`, `"header"`},
	{`\b(does|do) not (exist|know) of\b`, `"does not know"`},
}

// quotes of other programs, of standards and of this list itself.
var oddWordsAllowed = []string{"language_test.go", "is no longer", "there is no", "there are no", "is no more than"}

// oddTexts is how many texts still have an odd pattern. It only goes down.
const oddTexts = 1786

// TestPlainEnglish holds the string literals, the doc comments and the documents to plain English.
// FOLDER=modes go test . -run TestPlainEnglish lists what is left in a folder, with what to write instead.
func TestPlainEnglish(t *testing.T) {
	patterns := make([]*regexp.Regexp, len(oddWords))
	for i, w := range oddWords {
		patterns[i] = regexp.MustCompile(`(?i)` + w.pattern)
	}
	folder, list := os.LookupEnv("FOLDER")
	found := 0
	check := func(place, text string) {
		flat := strings.Join(strings.Fields(text), " ")
		for i, p := range patterns {
			for _, at := range p.FindAllStringIndex(flat, -1) {
				around := flat[max(0, at[0]-12):min(len(flat), at[1]+12)]
				if slices.ContainsFunc(oddWordsAllowed, func(a string) bool {
					return strings.Contains(strings.ToLower(around), a) || strings.HasPrefix(place, a)
				}) {
					continue
				}
				found++
				if list && strings.HasPrefix(place, folder) {
					t.Logf("%s: %q in %q: %s", place, flat[at[0]:at[1]], flat[max(0, at[0]-40):min(len(flat), at[1]+40)], oddWords[i].instead)
				}
			}
		}
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "build" || d.Name() == "dist" || d.Name() == "lib") {
			return fs.SkipDir
		}
		switch {
		case strings.HasSuffix(path, ".md"):
			return checkDocument(path, check)
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			return checkSource(path, check)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found > oddTexts {
		t.Errorf("%d odd phrases, at most %d are left: FOLDER= go test . -run TestPlainEnglish -v lists them", found, oddTexts)
	} else {
		t.Logf("%d odd phrases are left, of at most %d", found, oddTexts)
	}
}

// checkSource checks the doc comments and the string literals that are sentences.
func checkSource(path string, check func(place, text string)) error {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	doc := func(c *ast.CommentGroup) {
		if c != nil {
			check(files.Position(c.Pos()).String(), c.Text())
		}
	}
	doc(f.Doc)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.FuncDecl:
			doc(n.Doc)
		case *ast.GenDecl:
			doc(n.Doc)
		case *ast.TypeSpec:
			doc(n.Doc)
			doc(n.Comment)
		case *ast.ValueSpec:
			doc(n.Doc)
			doc(n.Comment)
		case *ast.Field:
			doc(n.Doc)
			doc(n.Comment)
			if n.Tag != nil {
				n.Tag = nil
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				if s, err := strconv.Unquote(n.Value); err == nil && strings.Contains(s, " ") {
					check(files.Position(n.Pos()).String(), s)
				}
			}
		}
		return true
	})
	return nil
}

// checkDocument checks the prose of a Markdown file, paragraph by paragraph.
func checkDocument(path string, check func(place, text string)) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	code, begun := false, 1
	var paragraph []string
	flush := func(next int) {
		check(fmt.Sprintf("%s:%d", path, begun), strings.Join(paragraph, " "))
		paragraph, begun = nil, next
	}
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			flush(i + 2)
			code = !code
		case code || strings.HasPrefix(line, "    "):
		case strings.TrimSpace(line) == "":
			flush(i + 2)
		default:
			paragraph = append(paragraph, line)
		}
	}
	flush(0)
	return nil
}
