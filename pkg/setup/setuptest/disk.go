package setuptest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Disk is a disk of so many bytes in the place of a folder, until the test ends.
func Disk(t testing.TB, dir string, size int) {
	t.Helper()
	NeedRoot(t)
	require.NoError(t, syscall.Mount("rappel", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// Fill leaves so many bytes free on the disk of a folder, until room is made. Others may write there meanwhile.
func Fill(t testing.TB, dir string, leave int64) (makeRoom func()) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	require.NoError(t, err)
	for {
		var fs syscall.Statfs_t
		require.NoError(t, syscall.Statfs(dir, &fs))
		if err = syscall.Fallocate(int(f.Fd()), 0, 0, int64(fs.Bavail)*fs.Bsize-leave); !errors.Is(err, syscall.ENOSPC) {
			break
		}
	}
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return func() { require.NoError(t, os.Remove(ballast)) }
}
