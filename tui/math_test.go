package tui

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/tui/kit"
)

const doubled = "A number is doubled, then reduced by 3, giving 11. What is it?"

const worked = "Let it be $x$. Then\n\n$$2x - 3 = 11 \\implies x = \\frac{11 + 3}{2} = 7$$\n\nso \\boxed{x = 7}."

// solved takes results until no solution is on its way.
func (d *driver) solved() {
	d.t.Helper()
	d.until("the end of the solution", func() bool { return !d.busy() })
}

func TestMath(t *testing.T) {
	goldens(t, func() Options { return scripted(says(strings.SplitAfter(worked, " ")...)) }, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.typed("/math")
		d.send(kit.KeyPress("enter"))
		d.sees("Enter a problem.")
		d.asks(doubled)
		d.solved()
	})
}

func TestMathVotes(t *testing.T) {
	answers := []string{"It took long to see, but it is \\boxed{-7}.", "\\boxed{14}", worked, "So \\boxed{7}.", "\\boxed{\\frac{14}{2}} is it", "I cannot tell."}
	goldens(t, func() Options {
		return scripted(&enginetest.Script{About: about, Answer: func(_ enginetest.Request, choice int) enginetest.Reply {
			return enginetest.Reply{enginetest.Text(answers[choice])}
		}})
	}, func(d *driver) {
		d.sees("Ministral 3 8B")
		d.typed("/math")
		d.send(kit.KeyPress("enter"))
		d.sees("Enter a problem.")
		d.typed("/votes 6")
		d.send(kit.KeyPress("enter"))
		d.asks(doubled)
		d.solved()
	})
}

// A key shows mathematics as the model wrote it, and another press draws it again.
func TestMathAsWritten(t *testing.T) {
	d := drive(t, scripted(says(worked)), 80, 24)
	d.sees("Ministral 3 8B")
	d.pressed("alt+4")
	d.asks(doubled)
	d.solved()
	d.sees("2x − 3 = 11 ⟹ x = ────── = 7")
	d.pressed("alt+m")
	d.sees(`$$2x - 3 = 11 \implies x = \frac{11 + 3}{2} = 7$$`)
	d.pressed("alt+m")
	d.sees("2x − 3 = 11 ⟹ x = ────── = 7")
}
