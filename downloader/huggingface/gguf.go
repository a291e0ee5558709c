package huggingface

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

// DefaultType is the quantization type that is preferred.
const DefaultType = "Q4_K_M"

// A GGUF is a GGUF model in a repository.
type GGUF struct {
	Type      string  // the quantization type in its name: "Q4_K_M"; may be ""
	Weights   []Entry // one file, or all parts in order, which must keep their names
	Projector *Entry  // the vision encoder; may be nil
}

// Size is the size of weights and projector, in bytes.
func (g GGUF) Size() int64 {
	n := total(g.Weights)
	if g.Projector != nil {
		n += g.Projector.Size
	}
	return n
}

// kind matches the type at the end of a name. A short type needs a separator before it.
var kind = regexp.MustCompile(`(?i)(?:^|[-._])((?:UD-)?(?:BF16|FP?16|FP?32|Q[2-8]))$|` +
	`((?:UD-)?(?:I?Q[1-8]_(?:0|1|K|K_X?S|K_M|K_X?X?L|XXS|XS|S|M|L|XL|NL)|TQ[12]_0|MXFP4(?:_MOE)?))$`)

// typeOf returns the quantization type in a file's name, or else in its folder's name, or "".
func typeOf(stem string) string {
	for _, name := range []string{path.Base(stem), path.Base(path.Dir(stem))} {
		m := kind.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		t := strings.ToUpper(m[1] + m[2])
		if whole, ok := strings.CutPrefix(t, "FP"); ok {
			t = "F" + whole
		}
		return t
	}
	return ""
}

// bitsPerWeight is the average of an 8B model: from llama.cpp's tools/quantize/README.md; of
// the older types with its larger output tensor.
var bitsPerWeight = map[string]float64{
	"IQ1_S": 2.00, "IQ1_M": 2.15, "TQ1_0": 1.69, "TQ2_0": 2.06, "IQ2_XXS": 2.38, "IQ2_XS": 2.59, "IQ2_S": 2.74, "IQ2_M": 2.93,
	"Q2_K_S": 2.97, "Q2_K": 3.16, "IQ3_XXS": 3.25, "IQ3_XS": 3.50, "Q3_K_S": 3.64, "IQ3_S": 3.66, "IQ3_M": 3.76, "Q3_K_M": 4.00, "Q3_K_L": 4.30,
	"MXFP4": 4.25, "MXFP4_MOE": 4.25, "IQ4_XS": 4.46, "Q4_0": 4.66, "Q4_K_S": 4.67, "IQ4_NL": 4.68, "Q4_K_M": 4.89, "Q4_1": 5.13,
	"Q5_K_S": 5.57, "Q5_0": 5.59, "Q5_K_M": 5.70, "Q5_1": 6.06, "Q6_K": 6.56, "Q8_0": 8.50, "F16": 16, "BF16": 16, "F32": 32,
}

// bits is about the bits per weight of a type. For a type that llama.cpp does not have, such as
// Q4_K_XL, the digit decides; 0 without one.
func bits(typ string) float64 {
	typ = strings.TrimPrefix(typ, "UD-")
	if w, ok := bitsPerWeight[typ]; ok {
		return w
	}
	digits := strings.TrimLeft(typ, "IQ")
	if digits == "" || digits[0] < '1' || digits[0] > '8' {
		return 0
	}
	return float64(digits[0]-'0') + .75
}

// isCompanion reports whether a GGUF file is an accessory of a model.
func isCompanion(name string) bool {
	name = strings.ToLower(path.Base(name))
	for _, mark := range []string{"mtp-", "eagle3-", "dflash-", "dspark-"} {
		if strings.HasPrefix(name, mark) {
			return true
		}
	}
	return strings.Contains(name, "imatrix")
}

func isProjector(name string) bool {
	return strings.Contains(strings.ToLower(path.Base(name)), "mmproj")
}

// GGUFs lists the complete models, the smallest first.
func (r *Repo) GGUFs() []GGUF {
	var list []GGUF
	for _, s := range r.ggufs() {
		if r.checkParts(s) == nil {
			list = append(list, r.model(s))
		}
	}
	slices.SortStableFunc(list, func(a, b GGUF) int { return cmp.Compare(a.Size(), b.Size()) })
	return list
}

func (r *Repo) ggufs() []*set {
	return slices.DeleteFunc(sets(r.Tree, ".gguf"), func(s *set) bool { return isProjector(s.stem) || isCompanion(s.stem) })
}

// model adds the matching projector to a set of weights.
func (r *Repo) model(s *set) GGUF {
	g := GGUF{Type: typeOf(s.stem), Weights: s.files()}
	g.Projector = r.projector(s.stem, g.Type)
	return g
}

// GGUF selects a model: by a type such as "Q4_K_M", by the path of a file, or with "" the
// [DefaultType] or the nearest type.
func (r *Repo) GGUF(want string) (GGUF, error) {
	all := r.ggufs()
	if len(all) == 0 {
		return GGUF{}, r.missing("it has no GGUF", "Choose a repository with GGUF files, such as one whose name ends in -GGUF, or convert the original weights.")
	}
	if strings.EqualFold(path.Ext(want), ".gguf") {
		return r.byPath(want, all)
	}
	typ := cmp.Or(strings.ToUpper(want), DefaultType)
	found := ofType(all, typ)
	if len(found) == 0 && want == "" {
		found = r.closest(all)
	}
	switch len(found) {
	case 0:
		return GGUF{}, r.missing(fmt.Sprintf("it has no GGUF of type %.40q", want), r.choices(all, want))
	case 1:
		if err := r.checkParts(found[0]); err != nil {
			return GGUF{}, err
		}
		return r.model(found[0]), nil
	}
	return GGUF{}, r.missing(fmt.Sprintf("it has %d models of type %s", len(found), typeOf(found[0].stem)),
		fmt.Sprintf("Name the file, as in hf:%s:%s.", r.ID, found[0].parts[0].Path))
}

// ofType returns the sets of a type. "Dynamic" quantizations (UD-) count if there is no other.
func ofType(all []*set, typ string) []*set {
	for _, t := range []string{typ, "UD-" + typ} {
		var found []*set
		for _, s := range all {
			if typeOf(s.stem) == t {
				found = append(found, s)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// closest returns the sets of the type that is nearest to the default one in size, or the larger
// of two. If no name has a type, it returns all sets.
func (r *Repo) closest(all []*set) []*set {
	best, least := "", math.Inf(1)
	for _, s := range all {
		t := typeOf(s.stem)
		if r.checkParts(s) != nil || bits(t) == 0 {
			continue
		}
		away := math.Abs(bits(t) - bits(DefaultType))
		if away < least || away == least && bits(t) > bits(best) {
			best, least = t, away
		}
	}
	if best == "" {
		return all
	}
	return ofType(all, best)
}

// byPath returns the model with a file, which may be any of its parts. A name without its folder
// is enough if it is unique.
func (r *Repo) byPath(want string, all []*set) (GGUF, error) {
	var exact *set
	var short []*set
	var paths []string
	for _, s := range all {
		for _, p := range s.parts {
			paths = append(paths, p.Path)
			if p.Path == want {
				exact = s
			}
			if path.Base(p.Path) == want {
				short = append(short, s)
			}
		}
	}
	if exact == nil && len(short) == 1 {
		exact = short[0]
	}
	if exact != nil {
		if err := r.checkParts(exact); err != nil {
			return GGUF{}, err
		}
		return r.model(exact), nil
	}
	advice := r.choices(all, "")
	if near := suggest.Word(want, paths); near != "" {
		advice = fmt.Sprintf("Did you mean hf:%s:%s?", r.ID, near)
	}
	return GGUF{}, r.missing(fmt.Sprintf("it has no file %.100q", want), advice)
}

func (r *Repo) missing(what, advice string) error {
	return &fault.Error{Kind: fault.Missing, Msg: fmt.Sprintf("open %s: %s", r.ID, what), Advice: advice}
}

// choices returns a sentence with the available types.
func (r *Repo) choices(all []*set, want string) string {
	var types []string
	for _, s := range all {
		if t := typeOf(s.stem); t != "" && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	if near := suggest.Word(want, types); near != "" {
		return fmt.Sprintf("Did you mean hf:%s:%s?", r.ID, near)
	}
	if len(types) == 0 {
		return fmt.Sprintf("Name the file, as in hf:%s:%s.", r.ID, all[0].parts[0].Path)
	}
	slices.SortFunc(types, func(a, b string) int { return cmp.Compare(bits(a), bits(b)) })
	const some = 12
	more := ""
	if n := len(types) - some; n > 0 {
		types, more = types[:some], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("It has %s%s.", strings.Join(types, ", "), more)
}

// projector finds the vision encoder for weights, in their folder or the nearest one above: the
// one with the most similar type.
func (r *Repo) projector(stem, typ string) *Entry {
	var best *Entry
	better := func(e, than *Entry) bool {
		if than == nil {
			return true
		}
		away := func(e *Entry) float64 { return math.Abs(bits(projectorType(e.Path)) - bits(typ)) }
		if a, b := away(e), away(than); a != b {
			return a < b
		}
		// More processors support F16 than BF16.
		return projectorType(e.Path) == "F16" && projectorType(than.Path) != "F16"
	}
	for dir := path.Dir(stem); best == nil; {
		for i := range r.Tree {
			e := &r.Tree[i]
			if path.Dir(e.Path) == dir && isProjector(e.Path) && strings.EqualFold(path.Ext(e.Path), ".gguf") && e.Size > 0 && better(e, best) {
				best = e
			}
		}
		above := path.Dir(dir)
		if above == dir { // "." or, in a malicious listing, "/"
			break
		}
		dir = above
	}
	if best == nil {
		return nil
	}
	e := *best
	return &e
}

// projectorType is the type in the name of a vision encoder: mmproj-model-F16.gguf,
// model-BF16-mmproj.gguf.
func projectorType(name string) string {
	stem := strings.TrimSuffix(strings.ToLower(path.Base(name)), ".gguf")
	return typeOf(strings.Trim(strings.Replace(stem, "mmproj", "", 1), "-._"))
}
