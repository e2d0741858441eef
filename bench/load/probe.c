/*
 * In which phase is the machine? Prints, as JSON, how long a cache line takes from core 0 to core 1 and back (nanoseconds, median of
 * many short trips), and how long each core takes for 1000 steps of the same arithmetic. Virtual cores move between physical ones, share
 * one, or lose their neighbour's cache; all of these change what a benchmark of two cores measures. Takes about 60 ms.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHUNKS = 60, TRIPS = 400, WARM_TRIPS = 2000, ARITHMETIC_RUNS = 25, STEPS = 100000 };

static _Alignas(128) _Atomic long line;
static double chunk_ns[CHUNKS], other_core_ns;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static int ascending(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double arithmetic(void) {
  double runs[ARITHMETIC_RUNS];
  for (int run = 0; run < ARITHMETIC_RUNS; run++) {
    unsigned value = 1;
    const double start = now_ns();
    for (int i = 0; i < STEPS; i++) {
      value = value * 1664525 + 1013904223;
      __asm__ volatile("" ::"r"(value));
    }
    runs[run] = (now_ns() - start) * 1000 / STEPS;
  }
  qsort(runs, ARITHMETIC_RUNS, sizeof *runs, ascending);
  return runs[ARITHMETIC_RUNS / 2];
}

/* Odd values travel one way, even ones back. */
static void await(long value) {
  while (atomic_load_explicit(&line, memory_order_acquire) != value) continue;
}

static void post(long value) { atomic_store_explicit(&line, value, memory_order_release); }

static void* echo(void* unused) {
  (void)unused;
  pin(1);
  other_core_ns = arithmetic();
  post(0);
  for (long trip = 0; trip < WARM_TRIPS + (long)CHUNKS * TRIPS; trip++) {
    await(2 * trip + 1);
    post(2 * trip + 2);
  }
  return NULL;
}

static void round_trip(long trip) {
  post(2 * trip + 1);
  await(2 * trip + 2);
}

int main(void) {
  pthread_t thread;
  long trip = 0;
  pin(0);
  const double this_core_ns = arithmetic();
  post(-1);
  if (pthread_create(&thread, NULL, echo, NULL)) return 1;
  while (atomic_load(&line) != 0) sched_yield();
  while (trip < WARM_TRIPS) round_trip(trip++);
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
    const double start = now_ns();
    for (int i = 0; i < TRIPS; i++) round_trip(trip++);
    chunk_ns[chunk] = (now_ns() - start) / TRIPS;
  }
  pthread_join(thread, NULL);
  qsort(chunk_ns, CHUNKS, sizeof *chunk_ns, ascending);
  printf("{\"roundTripNs\":%.0f,\"core0Ns\":%.0f,\"core1Ns\":%.0f}\n", chunk_ns[CHUNKS / 2], this_core_ns, other_core_ns);
  return 0;
}
