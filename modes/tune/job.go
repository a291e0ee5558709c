package tune

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gofrs/flock"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

//go:embed train.py
var script []byte

// Settings are those of a training.
type Settings struct {
	Rank           int     `json:"rank"` // of LoRA; its alpha is twice as large
	LearningRate   float64 `json:"learning_rate"`
	Epochs         float64 `json:"epochs"`
	Steps          int     `json:"steps"` // 0: from Epochs
	Batch          int     `json:"batch"` // sequences of a step
	SequenceLength int     `json:"sequence_length"`
	WarmUp         float64 `json:"warm_up"` // share of the steps
	WeightDecay    float64 `json:"weight_decay"`
	Seed           int64   `json:"seed"`
	FourBit        bool    `json:"four_bit"`      // on a GPU
	Checkpointing  bool    `json:"checkpointing"` // of gradients: less memory, more time
	Threads        int     `json:"threads"`
}

// Defaults are the settings for what no flag says.
func Defaults() Settings {
	return Settings{Rank: 16, LearningRate: 2e-4, Epochs: 3, Batch: 8, SequenceLength: 2048, WarmUp: 0.05, WeightDecay: 0.01, Seed: 1}
}

// Check reports values that cannot be used.
func (s Settings) Check() error {
	for _, c := range []struct {
		flag  string
		value float64
		low   float64
		high  float64
	}{
		{"rank", float64(s.Rank), 1, 512},
		{"learning-rate", s.LearningRate, 1e-9, 1},
		{"epochs", s.Epochs, 0.01, 1000},
		{"steps", float64(s.Steps), 0, 10_000_000},
		{"batch", float64(s.Batch), 1, 4096},
		{"sequence-length", float64(s.SequenceLength), 16, 1 << 20},
	} {
		if !(c.value >= c.low && c.value <= c.high) { // also NaN
			return fault.Errorf(fault.Usage, "invalid --%s %s: want %s to %s", c.flag, decimal(c.value), decimal(c.low), decimal(c.high))
		}
	}
	return nil
}

// decimal formats a number without an exponent.
func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// StepsFor returns the number of steps for n sequences.
func (s Settings) StepsFor(n int) int {
	if s.Steps > 0 {
		return s.Steps
	}
	return max(1, int(s.Epochs*float64(n)/float64(s.Batch)+0.5))
}

// A Job is a training as it is stored in its folder.
type Job struct {
	Version int    `json:"version"`
	Name    string `json:"name"` // of the model to make
	Tag     string `json:"tag"`
	Base    string `json:"base"`  // REF of the model, valid in every folder
	Model   string `json:"model"` // path of its GGUF file
	Print   string `json:"fingerprint"`
	Weights string `json:"weights"` // that the trainer loads: the GGUF file or a folder
	Data    string `json:"data"`    // absolute path
	Valid   string `json:"valid"`   // "": examples of Data are held out
	// Python is the program that the user chose to train with; "": uv or a virtual environment.
	Python string `json:"python,omitempty"`

	Settings
	Sequences   int   `json:"sequences"`
	Tokens      int64 `json:"tokens"`
	ValidLimit  int   `json:"valid_limit"`  // sequences of the validation loss
	SaveSeconds int   `json:"save_seconds"` // between two checkpoints
	// LongestAnswer is the most tokens that an example trains.
	LongestAnswer int `json:"longest_answer"`
}

const (
	jobVersion = 1
	jobName    = "job.json"
	maxJob     = 1 << 20 // bytes
	// ValidName is the file with the validation lines, in the folder of a job.
	ValidName = "valid.jsonl"
	// LogName is the file with what the trainer printed.
	LogName = "trainer.log"
)

// A Folder is that of a job. One process at a time has it open.
type Folder struct {
	Dir  string
	lock *flock.Flock
}

// OpenFolder opens the folder of a job, and makes it if it does not exist. The error is of
// kind Busy if another process has it open.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, writeError(dir, err)
	}
	f := &Folder{dir, flock.New(filepath.Join(dir, ".lock"))}
	ok, err := f.lock.TryLock()
	if err != nil {
		return nil, writeError(dir, err)
	}
	if !ok {
		return nil, fault.Advise(fault.Errorf(fault.Busy, "cannot train %s: another process trains it", filepath.Base(dir)), "Wait until it is done, or choose another name.")
	}
	return f, nil
}

// Close lets other processes open the folder.
func (f *Folder) Close() error { return f.lock.Unlock() }

// Path is that of a file of the job.
func (f *Folder) Path(name string) string { return filepath.Join(f.Dir, name) }

// Job reads the stored job; ok is false if there is none.
func (f *Folder) Job() (j Job, ok bool, err error) {
	data, err := atomicfile.ReadFile(f.Path(jobName), maxJob)
	if errors.Is(err, fs.ErrNotExist) {
		return j, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err == nil && j.Version != jobVersion {
		err = fmt.Errorf("its version is %d", j.Version)
	}
	if err == nil {
		err = j.Settings.Check()
	}
	if err != nil {
		return j, false, fault.Advise(fault.Errorf(fault.BadData, "cannot read the training in %s: %w", f.Dir, err), "Start again with --again.")
	}
	return j, true, nil
}

// Save stores a job.
func (f *Folder) Save(j Job) error {
	j.Version = jobVersion
	data, err := json.MarshalIndent(j, "", "  ")
	if err == nil {
		err = atomicfile.WriteFile(f.Path(jobName), append(data, '\n'), 0o600)
	}
	if err == nil {
		err = atomicfile.WriteFile(f.Path("train.py"), script, 0o600)
	}
	if err != nil {
		return writeError(f.Dir, err)
	}
	return nil
}

// Started reports whether there is a checkpoint to continue from.
func (f *Folder) Started() bool {
	for _, name := range []string{"checkpoint", "checkpoint.old"} {
		if _, err := os.Stat(f.Path(name + "/adapter_config.json")); err == nil {
			return true
		}
	}
	return false
}

// Adapter is the folder of the trained adapter.
func (f *Folder) Adapter() string { return f.Path("checkpoint") }

// Clear removes everything but the named files.
func (f *Folder) Clear(keep ...string) error {
	entries, err := os.ReadDir(f.Dir)
	for _, e := range entries {
		if e.Name() == ".lock" || slices.Contains(keep, e.Name()) {
			continue
		}
		err = errors.Join(err, os.RemoveAll(f.Path(e.Name())))
	}
	return err
}

// CheckWeights checks that a folder has weights in the format of Hugging Face whose shape is
// that of the model in file.
func CheckWeights(dir string, file *gguf.File) error {
	path := filepath.Join(dir, "config.json")
	data, err := atomicfile.ReadFile(path, maxJob)
	if err != nil {
		return fault.Advise(fault.Errorf(fault.BadModel, "cannot train the weights in %s: it has no config.json", dir), "Give a folder of safetensors in the format of Hugging Face.")
	}
	type shape struct {
		Width  int `json:"hidden_size"`
		Layers int `json:"num_hidden_layers"`
	}
	var c struct {
		shape
		Text *shape `json:"text_config"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return fault.Errorf(fault.BadModel, "cannot read %s: %w", path, err)
	}
	if c.Text != nil {
		c.shape = *c.Text
	}
	if s := file.Summary(); c.Width != s.Width || c.Layers != s.Blocks {
		return fault.Advise(fault.Errorf(fault.BadModel, "the weights in %s are of another model: %d layers of width %d, not %d of %d", dir, c.Layers, c.Width, s.Blocks, s.Width), "Give the original weights of the model.")
	}
	return nil
}

// A tokenFile has the tokens of sequences, and an index of where each begins.
type tokenFile struct {
	tokens, index *atomicfile.File
	w, at         *bufio.Writer
	n             int64
}

func createTokens(dir, name string) (t *tokenFile, err error) {
	t = &tokenFile{}
	if t.tokens, err = atomicfile.Create(filepath.Join(dir, name+".tokens"), 0o600); err != nil {
		return nil, err
	}
	if t.index, err = atomicfile.Create(filepath.Join(dir, name+".index"), 0o600); err != nil {
		t.tokens.Discard()
		return nil, err
	}
	t.w, t.at = bufio.NewWriter(t.tokens), bufio.NewWriter(t.index)
	return t, binary.Write(t.at, binary.LittleEndian, t.n)
}

func (t *tokenFile) add(list []Sequence) error {
	for _, s := range list {
		if err := binary.Write(t.w, binary.LittleEndian, []int32(s)); err != nil {
			return err
		}
		t.n += int64(len(s))
		if err := binary.Write(t.at, binary.LittleEndian, t.n); err != nil {
			return err
		}
	}
	return nil
}

func (t *tokenFile) close(err error) error {
	err = errors.Join(err, t.w.Flush(), t.at.Flush())
	for _, f := range []*atomicfile.File{t.tokens, t.index} {
		if err != nil {
			f.Discard()
		} else {
			err = f.Commit()
		}
	}
	return err
}

// A Source is the data of a job.
type Source struct {
	Train, Valid   string // paths; Valid is "" if examples of Train are held out
	Encoder        *Encoder
	SequenceLength int
	Progress       func(done, total int64)
}

// Write checks the data and writes its tokens and the validation lines into the folder. The
// reports describe what was used; one that has an error ends it. With held-out examples,
// valid has nothing but Examples and Sequences.
func (f *Folder) Write(ctx context.Context, s Source) (train, valid *Report, err error) {
	held, err := createTokens(f.Dir, "valid")
	if err != nil {
		return nil, nil, writeError(f.Dir, err)
	}
	lines, err := atomicfile.Create(f.Path(ValidName), 0o600)
	if err != nil {
		return nil, nil, writeError(f.Dir, held.close(err))
	}
	w := bufio.NewWriter(lines)
	keep := func(x Example, list []Sequence) error {
		if err := held.add(list); err != nil {
			return err
		}
		return writeExample(w, x)
	}
	o := CheckOptions{Encoder: s.Encoder, SequenceLength: s.SequenceLength, Progress: s.Progress}
	total := 0
	if s.Valid != "" {
		o.Each = keep
		if valid, err = Check(ctx, s.Valid, o); err == nil {
			err = valid.Err()
		}
		o.Validation = valid
	} else {
		valid = &Report{Formats: map[Format]int{}}
		total, err = CountLines(ctx, s.Train)
	}
	if err == nil {
		train, err = f.writeTrain(ctx, s, o, valid, total, keep)
	}
	err = held.close(errors.Join(err, w.Flush()))
	if err != nil {
		lines.Discard()
	} else {
		err = lines.Commit()
	}
	if err != nil && fault.KindOf(err) == "" {
		err = writeError(f.Dir, err)
	}
	return train, valid, err
}

func (f *Folder) writeTrain(ctx context.Context, s Source, o CheckOptions, valid *Report, total int, keep func(Example, []Sequence) error) (*Report, error) {
	t, err := createTokens(f.Dir, "train")
	if err != nil {
		return nil, err
	}
	index := 0
	o.Each = func(x Example, list []Sequence) error {
		hold := s.Valid == "" && HoldOut(index, total)
		if index++; !hold {
			return t.add(list)
		}
		valid.Examples++
		valid.Sequences += len(list)
		return keep(x, list)
	}
	r, err := Check(ctx, s.Train, o)
	if err == nil {
		err = r.Err()
	}
	if err = t.close(err); err != nil {
		return r, err
	}
	if s.Valid == "" {
		r.Sequences -= valid.Sequences
	}
	return r, nil
}
