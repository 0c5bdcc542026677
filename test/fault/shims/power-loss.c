/*
 * Notes how much of each file is safe from a power cut: its size whenever the program had it synced.
 * Killing the program and cutting each file to its last noted size is then what a power cut would do
 * to a file that only grows; a kill alone loses nothing that the system has in memory.
 *
 * POWER_LOSS_LOG names the file that gets a line for each sync: the size in bytes and the path.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONGEST_PATH 4096

static void note(int synced, off_t bytes) {
  const char *log = getenv("POWER_LOSS_LOG");
  if (!log) return;
  char link[64], path[LONGEST_PATH], line[LONGEST_PATH + 32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", synced);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  int size = snprintf(line, sizeof line, "%lld %s\n", (long long)bytes, path);

  /* One write at the end of the file: threads that sync at once keep their lines apart. */
  int file = open(log, O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (file < 0) return;
  if (write(file, line, size) != size) abort();
  close(file);
}

/* The size from before: what others append meanwhile may not be safe yet. */
static int sync_with(long call, int file) {
  struct stat before;
  int is_known = fstat(file, &before) == 0;
  int result = syscall(call, file);
  if (result == 0 && is_known) note(file, before.st_size);
  return result;
}

int fsync(int file) { return sync_with(SYS_fsync, file); }

int fdatasync(int file) { return sync_with(SYS_fdatasync, file); }
