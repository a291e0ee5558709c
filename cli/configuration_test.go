package cli

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
)

// testConsole is a console without a terminal whose output is not looked at.
func testConsole() *console.Console {
	return console.New(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
}

// A wrong number of arguments is a usage error that says what the command takes.
func TestArgumentsAreCounted(t *testing.T) {
	testPlaces(t)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for n := range 12 {
			if c.Args == nil || c.HasSubCommands() {
				break
			}
			err := c.Args(c, make([]string, n))
			if err != nil && (fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "arg(s)")) {
				t.Errorf("%s with %d arguments: %v", c.CommandPath(), n, err)
				break
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newProgram(testConsole(), engines{}).root)
}

// What docs/configuration.md says about flags and defaults, it takes from the tags of package
// config. Here the flags themselves are asked.
func TestConfigurationNamesFlags(t *testing.T) {
	testPlaces(t)
	root := newProgram(testConsole(), engines{}).root
	all := map[string][]*pflag.Flag{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) { all["--"+f.Name] = append(all["--"+f.Name], f) })
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	serve, _, err := root.Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[config.Config](), reflect.TypeFor[config.Sampling](), reflect.TypeFor[config.Serve]()} {
		for field := range of.Fields() {
			name := field.Tag.Get("flag")
			if name == "" || name == "-m" {
				continue
			}
			if all[name] == nil {
				t.Errorf("%s.%s: no command has the flag %s", of.Name(), field.Name, name)
				continue
			}
			if of != reflect.TypeFor[config.Serve]() {
				continue
			}
			f, standard := serve.Flags().Lookup(strings.TrimPrefix(name, "--")), field.Tag.Get("default")
			none := f.DefValue == "" || f.DefValue == "[]"
			if f.DefValue != standard && !strings.Contains(f.Usage, "(default: "+standard+")") && !(none && !strings.Contains(f.Usage, "default:")) {
				t.Errorf("serve.%s: the default is %q in the tag, %q in the flag: %s", field.Tag.Get("toml"), standard, f.DefValue, f.Usage)
			}
		}
	}
	if field, _ := reflect.TypeFor[config.Config]().FieldByName("KeepAlive"); strings.TrimSuffix(worker.DefaultKeepAlive.String(), "0s") != field.Tag.Get("default") {
		t.Errorf("keep_alive is %s in the tag, %v in package worker", field.Tag.Get("default"), worker.DefaultKeepAlive)
	}
}
