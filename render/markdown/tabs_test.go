package markdown

import "testing"

func TestExpandTabs(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"no tabs\n", "no tabs\n"},
		{"name\tqty\nfig\t12\n", "name    qty\nfig     12\n"},
		{"raspberry\t3", "raspberry       3"},
		{"12345678\tx", "12345678        x"},
		{"\tQ1\tQ2\nNorth\t1\t2", "        Q1      Q2\nNorth   1       2"},
		{"if x {\n\ty()\n\t\tz()\n}\t\n", "if x {\n    y()\n        z()\n}   \n"},
		{"日本\tb\na\tb", "日本    b\na       b"},
		{"  \tx", "    x"},
		{"name\tqty\nfig\t12\n\nraspberry\t3\n", "name            qty\nfig             12\n\nraspberry       3\n"},
		{"\tQ1\nNortheast\t1", "                Q1\nNortheast       1"},
		{"for (i = 0; i < 10; i++) {\t// all\n\tbody();\n}", "for (i = 0; i < 10; i++) {      // all\n        body();\n}"},
		{"a\tb\n            \t\t", "a       b\n                    "},
		{"a\t\tb", "a               b"},
	} {
		if got := ExpandTabs(tt.in); got != tt.want {
			t.Errorf("ExpandTabs(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
