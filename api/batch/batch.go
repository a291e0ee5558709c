// Package batch serves La Plateforme's files and batch jobs: requests in a file that are
// answered while no client waits.
//
// Everything is in one folder: a file's bytes and its description, and for each job a record
// and the results so far. A job that was running when the server ended continues where it
// was. Jobs are answered by the handler itself, so they can ask for what requests can.
package batch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/atomicfile"
)

// A Batch is the files and the jobs of a folder.
type Batch struct {
	dir    string
	logger *slog.Logger
	wake   chan struct{} // there may be a job
	idle   *idle

	mu     sync.Mutex
	files  map[string]*file
	jobs   map[string]*job
	cancel map[string]context.CancelCauseFunc // of running jobs
	links  map[string]link                    // by token
}

// maxRecord is the largest description of a file or a job.
const maxRecord = 1 << 20

// Open reads what is in a folder, which is made if it does not exist.
func Open(dir string, logger *slog.Logger) (*Batch, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	b := &Batch{
		dir: dir, logger: logger, wake: make(chan struct{}, 1), idle: newIdle(),
		files: map[string]*file{}, jobs: map[string]*job{}, cancel: map[string]context.CancelCauseFunc{}, links: map[string]link{},
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the folder of batches: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of batches: %w", err)
	}
	for _, e := range entries {
		var err error
		switch name := e.Name(); {
		case strings.HasSuffix(name, fileSuffix):
			err = load(b, name, b.files, func(f *file) string { return f.ID })
		case strings.HasSuffix(name, jobSuffix):
			err = load(b, name, b.jobs, func(j *job) string { return j.ID })
		case strings.HasSuffix(name, uploadSuffix):
			err = os.Remove(filepath.Join(dir, name)) // of a server that ended
		}
		if err != nil {
			logger.Warn("a record of a batch is not readable", "name", e.Name(), "error", err)
		}
	}
	return b, nil
}

// The names of files in the folder: an ID and one of these.
const (
	fileSuffix    = ".file.json"
	jobSuffix     = ".job.json"
	dataSuffix    = ".data"
	resultsSuffix = ".results" // of a job that is running
	uploadSuffix  = ".upload"
)

func load[T any](b *Batch, name string, into map[string]*T, id func(*T) string) error {
	data, err := atomicfile.ReadFile(filepath.Join(b.dir, name), maxRecord)
	if err != nil {
		return err
	}
	t := new(T)
	if err := json.Unmarshal(data, t); err != nil {
		return err
	}
	if !strings.HasPrefix(name, id(t)+".") {
		return fmt.Errorf("it is the record of %.60q", id(t))
	}
	into[id(t)] = t
	return nil
}

// save writes a record.
func (b *Batch) save(id, suffix string, record any) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(b.dir, id+suffix), data, 0o600)
}

func (b *Batch) path(id, suffix string) string { return filepath.Join(b.dir, id+suffix) }

// newID returns a UUID, as La Plateforme's IDs of files and jobs are.
func newID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	s := hex.EncodeToString(u[:])
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// Routes is the family of files and batch jobs.
func (b *Batch) Routes(c api.Config) []api.Route {
	s := &server{b, c}
	return []api.Route{
		{Method: "POST", Path: "/v1/files", Serve: onDisk(s.upload), Summary: "Store a file"},
		{Method: "GET", Path: "/v1/files", Serve: s.listFiles, Query: []string{"page", "page_size", "purpose", "search", "sample_type", "source"}, Summary: "List the files"},
		{Method: "GET", Path: "/v1/files/{id}", Serve: s.describeFile, Summary: "Describe a file"},
		{Method: "DELETE", Path: "/v1/files/{id}", Serve: s.deleteFile, Summary: "Delete a file"},
		{Method: "GET", Path: "/v1/files/{id}/content", Serve: s.content, ContentType: "application/octet-stream", Summary: "Read a file"},
		{Method: "GET", Path: "/v1/files/{id}/url", Serve: s.link, Query: []string{"expiry"}, Summary: "Make a URL to read a file without a key"},
		{Method: "GET", Path: "/v1/bise/links/{token}", Serve: s.follow, Open: true, ContentType: "application/octet-stream", Summary: "Read a file that a URL was made for"},
		{Method: "POST", Path: "/v1/batch/jobs", Serve: onDisk(s.createJob), Summary: "Start a batch job"},
		{Method: "GET", Path: "/v1/batch/jobs", Serve: s.listJobs, Query: []string{"page", "page_size", "status", "model", "order_by"}, Summary: "List the batch jobs"},
		{Method: "GET", Path: "/v1/batch/jobs/{id}", Serve: s.describeJob, Query: []string{"inline"}, Summary: "Describe a batch job"},
		{Method: "POST", Path: "/v1/batch/jobs/{id}/cancel", Serve: onDisk(s.cancelJob), Summary: "Cancel a batch job"},
		{Method: "DELETE", Path: "/v1/batch/jobs/{id}", Serve: onDisk(s.deleteJob), Summary: "Delete a batch job"},
	}
}

// onDisk makes the error of a full disk one that says no more than that.
func onDisk(serve func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := serve(w, r)
		if atomicfile.Full(err) {
			return api.Refuse(http.StatusInsufficientStorage, "", diskFull)
		}
		return err
	}
}

// diskFull is the message of an error for which files have no room.
const diskFull = "the disk is full"

type server struct {
	*Batch
	c api.Config
}

// page is the part of a list that a request asks for.
func page[T any](r *http.Request, all []T) ([]T, error) {
	number, err := count(r, "page", 0)
	if err != nil {
		return nil, err
	}
	size, err := count(r, "page_size", 100)
	if err != nil {
		return nil, err
	}
	from := min(number*size, len(all))
	return all[from:min(from+size, len(all))], nil
}

// maxCount is the largest number in a query.
const maxCount = 1 << 20

func count(r *http.Request, name string, missing int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return missing, nil
	}
	n := 0
	if _, err := fmt.Sscanf(text+"\n", "%d\n", &n); err != nil || n < 0 || n > maxCount {
		return 0, api.Refuse(http.StatusUnprocessableEntity, name, "invalid %s %.40q: want a number", name, text)
	}
	return n, nil
}

// asked reports whether a query selects a value: it has no such field, or one with the value.
func asked(r *http.Request, name, value string) bool {
	values := r.URL.Query()[name]
	return len(values) == 0 || slices.Contains(values, value)
}

// An idle knows how many requests of clients are being answered.
type idle struct {
	mu      sync.Mutex
	running int
	free    chan struct{} // closed while nothing runs
}

func newIdle() *idle {
	i := &idle{free: make(chan struct{})}
	close(i.free)
	return i
}

func (i *idle) add(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running += n
	switch {
	case i.running == 0:
		close(i.free)
	case i.running == 1 && n > 0:
		i.free = make(chan struct{})
	}
}

// wait waits until nothing runs.
func (i *idle) wait(ctx context.Context) error {
	i.mu.Lock()
	free := i.free
	i.mu.Unlock()
	select {
	case <-free:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Watch counts the requests of clients: jobs wait until there are none.
func (b *Batch) Watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			b.idle.add(1)
			defer b.idle.add(-1)
		}
		h.ServeHTTP(w, r)
	})
}

func (b *Batch) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func now() int64 { return time.Now().Unix() }
