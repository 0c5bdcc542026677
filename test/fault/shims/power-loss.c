/*
 * Notes how much of each file is safe from a power cut: its size whenever the program had it synced.
 * Killing the program and cutting each file to its last noted size is then what a power cut would do
 * to a file that only grows; a kill alone loses nothing that the system has in memory.
 *
 * POWER_LOSS_LOG names the file that gets a line for each sync: the size in bytes and the path.
 *
 * A file that is written over in the middle needs more than a size. With POWER_LOSS_COPIES set, each
 * sync leaves what is safe of a file beside it, as path.safe: to be put in its place after the cut.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
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

/* Copies the first bytes, and is there as a whole or not at all. */
static void keep(int synced, off_t bytes) {
  if (!getenv("POWER_LOSS_COPIES")) return;
  char link[64], path[LONGEST_PATH], made[LONGEST_PATH + 8], safe[LONGEST_PATH + 8];
  snprintf(link, sizeof link, "/proc/self/fd/%d", synced);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  snprintf(made, sizeof made, "%s.made", path);
  snprintf(safe, sizeof safe, "%s.safe", path);
  int from = open(path, O_RDONLY), to = open(made, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  while (from >= 0 && to >= 0 && bytes > 0) {
    ssize_t copied = sendfile(to, from, 0, bytes);
    if (copied <= 0) abort();
    bytes -= copied;
  }
  if (from >= 0) close(from);
  if (to >= 0) close(to);
  if (rename(made, safe) != 0) abort();
}

/* The size from before: what others append meanwhile may not be safe yet. */
static int sync_with(long call, int file) {
  struct stat before;
  int is_known = fstat(file, &before) == 0;
  int result = syscall(call, file);
  if (result == 0 && is_known && S_ISREG(before.st_mode)) {
    note(file, before.st_size);
    keep(file, before.st_size);
  }
  return result;
}

int fsync(int file) { return sync_with(SYS_fsync, file); }

int fdatasync(int file) { return sync_with(SYS_fdatasync, file); }
