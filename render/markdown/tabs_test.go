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
		{"a\t\tb", "a               b"},
	} {
		if got := ExpandTabs(tt.in); got != tt.want {
			t.Errorf("ExpandTabs(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
