package past

import (
	"testing"
	"time"
)

func TestWhen(t *testing.T) {
	now := time.Now()
	if got := when(now); got != "Today "+now.Format("15:04") && got != "Yesterday "+now.Format("15:04") {
		t.Errorf("now is %q", got)
	}
	if got := when(now.AddDate(-2, 0, 0)); got != now.AddDate(-2, 0, 0).Format("2 January 2006") {
		t.Errorf("two years ago is %q", got)
	}
}
