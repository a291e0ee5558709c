package history

import "time"

// Day names the day of a time for the heading of a list: Today, Yesterday, a weekday in
// the last week, or a date.
func Day(t, now time.Time) string {
	t = t.In(now.Location())
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC) }
	switch ago := int(day(now).Sub(day(t)).Hours() / 24); {
	case ago == 0:
		return "Today"
	case ago == 1:
		return "Yesterday"
	case ago > 1 && ago < 7:
		return t.Weekday().String()
	case t.Year() == now.Year():
		return t.Format("2 January")
	}
	return t.Format("2 January 2006")
}
