package schedule

import "time"

// instant0 is where the tests' time begins: a Monday, off every round number.
var instant0 = time.Date(2026, 3, 2, 10, 7, 13, 0, time.UTC)
