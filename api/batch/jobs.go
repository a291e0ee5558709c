package batch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/api/dialect"
)

// The states of a job.
const (
	queued     = "QUEUED"
	running    = "RUNNING"
	success    = "SUCCESS"
	failed     = "FAILED"
	timedOut   = "TIMEOUT_EXCEEDED"
	cancelling = "CANCELLATION_REQUESTED"
	cancelled  = "CANCELLED"
)

// A job is a batch job as La Plateforme describes it, and what bise needs to continue it.
type job struct {
	ID          string            `json:"id"`
	Object      string            `json:"object"` // "batch"
	InputFiles  []string          `json:"input_files"`
	Endpoint    string            `json:"endpoint"`
	Model       *string           `json:"model"`
	AgentID     *string           `json:"agent_id"`
	Metadata    map[string]string `json:"metadata"`
	OutputFile  *string           `json:"output_file"`
	ErrorFile   *string           `json:"error_file"`
	Errors      []jobError        `json:"errors"`
	Outputs     []json.RawMessage `json:"outputs"` // only where they are asked for
	Status      string            `json:"status"`
	CreatedAt   int64             `json:"created_at"`
	StartedAt   *int64            `json:"started_at"`
	CompletedAt *int64            `json:"completed_at"`
	Total       int               `json:"total_requests"`
	Completed   int               `json:"completed_requests"`
	Succeeded   int               `json:"succeeded_requests"`
	Failed      int               `json:"failed_requests"`
	Hours       int               `json:"timeout_hours"`
}

type jobError struct {
	Message string `json:"message"`
	Count   int    `json:"count"`
}

func (j *job) ended() bool {
	return slices.Contains([]string{success, failed, timedOut, cancelled}, j.Status)
}

// deadline is when a job has to be done.
func (j *job) deadline() time.Time {
	return time.Unix(j.CreatedAt, 0).Add(time.Duration(j.Hours) * time.Hour)
}

// endpoints are the routes that jobs can use.
var endpoints = []string{"/v1/chat/completions", "/v1/fim/completions", "/v1/embeddings"}

const (
	maxInline = 10_000  // requests in the body of a job, as on La Plateforme
	maxTotal  = 100_000 // requests of a job
	maxHours  = 7 * 24
	allHours  = 24 // a job has without its own limit
)

func (s *server) createJob(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Endpoint   string            `json:"endpoint"`
		Model      *string           `json:"model"`
		InputFiles []string          `json:"input_files"`
		Requests   []json.RawMessage `json:"requests"`
		AgentID    *string           `json:"agent_id"`
		Metadata   map[string]string `json:"metadata"`
		Hours      *int              `json:"timeout_hours"`
	}
	if err := dialect.ReadJSON(s.c, w, r, &body); err != nil {
		return err
	}
	hours := allHours
	if body.Hours != nil {
		hours = *body.Hours
	}
	switch {
	case !slices.Contains(endpoints, body.Endpoint):
		return api.Refuse(http.StatusUnprocessableEntity, "endpoint", "invalid endpoint %.60q: want one of %s", body.Endpoint, strings.Join(endpoints, ", "))
	case body.AgentID != nil:
		return api.Refuse(http.StatusUnprocessableEntity, "agent_id", "agent_id is not supported: agents are stored by the hosted service")
	case len(body.InputFiles) == 0 && len(body.Requests) == 0:
		return api.Refuse(http.StatusUnprocessableEntity, "input_files", "the job has neither input_files nor requests")
	case len(body.InputFiles) > 0 && len(body.Requests) > 0:
		return api.Refuse(http.StatusUnprocessableEntity, "requests", "input_files and requests are mutually exclusive")
	case len(body.Requests) > maxInline:
		return api.Refuse(http.StatusUnprocessableEntity, "requests", "%d requests: the limit is %d; upload a file with more", len(body.Requests), maxInline)
	case hours < 1 || hours > maxHours:
		return api.Refuse(http.StatusUnprocessableEntity, "timeout_hours", "invalid timeout_hours %d: want 1 to %d", hours, maxHours)
	}
	j := &job{
		ID: newID(), Object: "batch", InputFiles: body.InputFiles, Endpoint: body.Endpoint, Model: body.Model, Metadata: body.Metadata,
		Errors: []jobError{}, Status: queued, CreatedAt: now(), Hours: hours,
	}
	if len(body.Requests) > 0 {
		f, err := s.inline(j.ID, body.Requests)
		if err != nil {
			return err
		}
		j.InputFiles, j.Total = []string{f.ID}, f.Lines
	}
	for i, id := range body.InputFiles {
		f, err := s.file(id)
		if err != nil {
			return err
		}
		if f.Purpose != "batch" {
			return api.Refuse(http.StatusUnprocessableEntity, "input_files", "file %d has the purpose %s: want batch", i, f.Purpose)
		}
		j.Total += f.Lines
	}
	if j.Total > maxTotal {
		return api.Refuse(http.StatusUnprocessableEntity, "input_files", "%d requests: the limit is %d", j.Total, maxTotal)
	}
	if err := s.save(j.ID, jobSuffix, j); err != nil {
		return fmt.Errorf("store the job: %w", err)
	}
	s.mu.Lock()
	s.jobs[j.ID] = j
	seen := *j
	s.mu.Unlock()
	s.poke()
	return api.WriteJSON(w, http.StatusOK, seen)
}

// inline stores the requests of a body as a file.
func (b *Batch) inline(id string, requests []json.RawMessage) (*file, error) {
	var text bytes.Buffer
	for i, r := range requests {
		if len(r) == 0 || r[0] != '{' {
			return nil, api.Refuse(http.StatusUnprocessableEntity, "requests", "request %d is not a JSON object", i)
		}
		if err := json.Compact(&text, r); err != nil {
			return nil, err
		}
		text.WriteByte('\n')
	}
	return b.make("requests-"+id+".jsonl", "batch_request", len(requests), text.Bytes())
}

// make stores a file of the server itself.
func (b *Batch) make(name, sample string, count int, data []byte) (*file, error) {
	temp, err := os.CreateTemp(b.dir, "*"+uploadSuffix)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", name, err)
	}
	defer os.Remove(temp.Name())
	defer temp.Close()
	if _, err := temp.Write(data); err != nil {
		return nil, fmt.Errorf("store %s: %w", name, err)
	}
	return b.keep(&file{
		Object: "file", Bytes: int64(len(data)), CreatedAt: now(), Filename: name, Purpose: "batch", SampleType: sample,
		Lines: count, MIMEType: "application/jsonl", Source: "mistral",
	}, temp)
}

// job is a copy of a job as it is now.
func (b *Batch) job(id string) (job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j := b.jobs[id]; j != nil {
		return *j, nil
	}
	return job{}, api.Refuse(http.StatusNotFound, "job_id", "there is no batch job %.60q", id)
}

func (s *server) describeJob(w http.ResponseWriter, r *http.Request) error {
	j, err := s.job(r.PathValue("id"))
	if err != nil {
		return err
	}
	if r.URL.Query().Get("inline") == "true" {
		j.Outputs = []json.RawMessage{}
		for _, id := range []*string{j.OutputFile, j.ErrorFile} {
			if id == nil {
				continue
			}
			data, err := os.Open(s.path(*id, dataSuffix))
			if err != nil {
				return fmt.Errorf("read the results: %w", err)
			}
			for line, err := range lines(data) {
				if err != nil {
					data.Close()
					return fmt.Errorf("read the results: %w", err)
				}
				j.Outputs = append(j.Outputs, slices.Clone(line))
			}
			data.Close()
		}
	}
	return api.WriteJSON(w, http.StatusOK, j)
}

func (s *server) listJobs(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	all := []job{}
	for _, j := range s.jobs {
		model := ""
		if j.Model != nil {
			model = *j.Model
		}
		if asked(r, "status", j.Status) && asked(r, "model", model) {
			all = append(all, *j)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b job) int {
		if r.URL.Query().Get("order_by") == "created" {
			a, b = b, a
		}
		return newestFirst(a.CreatedAt, b.CreatedAt, a.ID, b.ID)
	})
	some, err := page(r, all)
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, map[string]any{"object": "list", "total": len(all), "data": some})
}

// errCancelled is why a job ends that its client cancels.
var errCancelled = errors.New("the job was cancelled")

func (s *server) cancelJob(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.job(r.PathValue("id")); err != nil {
		return err
	}
	s.mu.Lock()
	j := s.jobs[r.PathValue("id")]
	if !j.ended() {
		if cancel := s.cancel[j.ID]; cancel != nil {
			j.Status = cancelling
			cancel(errCancelled)
		} else {
			j.Status, j.CompletedAt = cancelled, new(now())
		}
	}
	seen := *j
	err := s.save(j.ID, jobSuffix, seen)
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("store the job: %w", err)
	}
	return api.WriteJSON(w, http.StatusOK, seen)
}

func (s *server) deleteJob(w http.ResponseWriter, r *http.Request) error {
	j, err := s.job(r.PathValue("id"))
	if err != nil {
		return err
	}
	if !j.ended() {
		return api.Refuse(http.StatusConflict, "job_id", "the batch job %s is not done: cancel it first", j.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(s.path(j.ID, jobSuffix)); err != nil {
		return fmt.Errorf("delete the job: %w", err)
	}
	os.Remove(s.path(j.ID, resultsSuffix))
	delete(s.jobs, j.ID)
	return api.WriteJSON(w, http.StatusOK, map[string]any{"id": j.ID, "object": "batch", "deleted": true})
}

// next is the job to work on: one that was running, else the oldest.
func (b *Batch) next() *job {
	b.mu.Lock()
	defer b.mu.Unlock()
	var best *job
	for _, j := range b.jobs {
		if j.ended() {
			continue
		}
		if best == nil || cmp.Or(-cmp.Compare(rank(j), rank(best)), newestFirst(best.CreatedAt, j.CreatedAt, best.ID, j.ID)) < 0 {
			best = j
		}
	}
	return best
}

func rank(j *job) int {
	if j.Status == queued {
		return 0
	}
	return 1
}

// update changes a job and stores it.
func (b *Batch) update(j *job, change func(*job)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(j)
	return b.save(j.ID, jobSuffix, j)
}

// Run answers jobs until ctx ends.
func (b *Batch) Run(ctx context.Context, c api.Config) {
	// Requests of jobs need no key and no place in the queue: they wait for the idle server.
	c.Key, c.KeyHashes, c.Queue, c.Families = "", nil, -1, nil
	h := api.New(c)
	for ctx.Err() == nil {
		if j := b.next(); j != nil {
			if err := b.work(ctx, h, j); err != nil {
				b.logger.Error("a batch job failed", "id", j.ID, "error", err)
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-b.wake:
		}
	}
}
