package attach

import (
	"errors"
	"time"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/audio"
	"github.com/bise-sh/bise/units"
)

// MaxAudio is the largest audio in a request, in bytes.
const MaxAudio = 45_000_000

// An Audio is a file that a model can hear.
type Audio struct {
	Name   string // for users
	Format audio.Format
	Length time.Duration
	URL    string // data:, for the request
}

// ReadAudio checks an audio file, and drops tags and pictures. It decodes nothing.
func ReadAudio(name string, data []byte) (Audio, error) {
	f, err := audio.Read(data)
	if err == nil {
		err = f.CheckLength()
	}
	if err != nil {
		return Audio{}, refusedAudio(name, err)
	}
	sound := f.Bytes()
	if len(sound) > MaxAudio {
		return Audio{}, refused(name, "Use bise transcribe, or convert it to 16,000 Hz mono: ffmpeg -i "+quoted(name)+" -ar 16000 -ac 1 out.wav",
			"it is larger than %s", units.Size(MaxAudio))
	}
	return Audio{Name: name, Format: f.Format, Length: f.Length(), URL: audio.DataURL(f.Format, sound)}, nil
}

// OpenAudio reads an audio file of any length.
func OpenAudio(name string, data []byte) (*audio.File, error) {
	f, err := audio.Read(data)
	if err != nil {
		return nil, refusedAudio(name, err)
	}
	return f, nil
}

func refusedAudio(name string, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	named := fault.Errorf(e.Kind, "cannot read %s: %s", name, e.Msg)
	named.Advice, named.Param = e.Advice, e.Param
	return named
}
