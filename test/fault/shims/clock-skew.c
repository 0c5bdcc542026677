/*
 * Moves the wall clock of one program, while it runs, in either direction. The monotonic clock stays
 * as it is, as it does when somebody sets the clock of a machine.
 *
 * CLOCK_SKEW_FILE names a file of eight bytes: microseconds ahead, signed. Whoever writes there sets
 * the clock. Only what goes through the C library is moved, not what asks the kernel by itself.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000
#define US_PER_S 1000000

static volatile int64_t *offset_us;

__attribute__((constructor)) static void open_offset(void) {
  const char *path = getenv("CLOCK_SKEW_FILE");
  if (!path) return;
  int file = open(path, O_RDONLY);
  if (file < 0) return;
  void *shared = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (shared != MAP_FAILED) offset_us = shared;
}

static void skew(struct timespec *time) {
  if (!offset_us) return;
  int64_t us = *offset_us;
  int64_t ns = time->tv_nsec + us % US_PER_S * 1000;
  time->tv_sec += us / US_PER_S;
  if (ns < 0) {
    ns += NS_PER_S;
    time->tv_sec--;
  } else if (ns >= NS_PER_S) {
    ns -= NS_PER_S;
    time->tv_sec++;
  }
  time->tv_nsec = ns;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) skew(time);
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}
