package ini_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/vigented/vigente/sinks/ini"
)

const (
	oldToken = "dcee357e34ba335b7d0264a32796f2ca7f5794dc"
	newToken = "0123456789abcdef0123456789abcdef01234567"
)

// shapes are realistic files with their quirks, and the unique passages that
// setting the token changes. Everything else must be preserved.
var shapes = []struct {
	file    string
	create  bool
	changes [][2]string
}{
	{file: "windows-developer.ini", changes: [][2]string{{"TOKEN=" + oldToken + " \n", "TOKEN=" + newToken + "\n"}}},
	{file: "banners.ini", changes: [][2]string{{oldToken, newToken}}},
	{file: "tabs.ini", changes: [][2]string{{"\tONLINEURL=h\n", "\tONLINEURL=h\n\tTOKEN=" + newToken + "\n"}}},
	{file: "indented-headers.ini", changes: [][2]string{{oldToken + "                                                  \r\n", newToken + "\r\n"}}},
	{file: "damaged.ini", changes: [][2]string{{oldToken, newToken}, {"ffffffffffffffffffffffffffffffffffffffff", newToken}}},
	{file: "container.ini", changes: [][2]string{{oldToken, newToken}}},
	{file: "installer.ini", changes: [][2]string{{"ONLINEPORT=8080\r\n", "ONLINEPORT=8080\r\nTOKEN=" + newToken + "\r\n"}}},
	{file: "minimal.ini", changes: [][2]string{{"[TSSOFFLINE] \n", "[TSSOFFLINE] \nTOKEN=" + newToken + "\n"}}},
	{file: "double-comments.ini", changes: [][2]string{{"TSSOFFLINE=1\r\n", "TSSOFFLINE=1\r\nTOKEN=" + newToken + "\r\n"}}},
	{file: "raw-bytes.ini", changes: [][2]string{{"\xe9\xff" + oldToken + ";\xa0\n", newToken + "\n"}}},
	{file: "tss-server.ini", create: true, changes: [][2]string{{"JOB_WS, JOB_OFFLINE\n", "JOB_WS, JOB_OFFLINE\n\n[TSSOFFLINE]\nTOKEN=" + newToken + "\n"}}},
	{file: "pasted.ini", changes: [][2]string{{oldToken + "        // token do cliente\n", newToken + "\n"}}},
	{file: "byte-order-mark.ini", changes: [][2]string{{oldToken, newToken}}},
	{file: "cr-only.ini", changes: [][2]string{{"TSSOFFLINE=1\r", "TSSOFFLINE=1\rTOKEN=" + newToken + "\r"}}},
}

func TestEditShapes(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.file, func(t *testing.T) {
			in, err := os.ReadFile(filepath.Join("testdata", s.file))
			if err != nil {
				t.Fatal(err)
			}
			want := in
			for _, c := range s.changes {
				if bytes.Count(in, []byte(c[0])) != 1 {
					t.Fatalf("%q is not unique in the file", c[0])
				}
				want = bytes.Replace(want, []byte(c[0]), []byte(c[1]), 1)
			}
			got, err := ini.Edit(in, "TSSOFFLINE", token(newToken), ini.EditOptions{CreateSection: s.create})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// TestEveryShapeIsUsed finds files that no test reads.
func TestEveryShapeIsUsed(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ini")
	if err != nil || len(files) != len(shapes) {
		t.Errorf("got %d files, want %d as in the table, %v", len(files), len(shapes), err)
	}
}
