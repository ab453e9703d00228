/* Hourly weather joined to the departures of a day, by airport and hour. */
#include <stdlib.h>
#include <string.h>
#include "wrun.h"

#define MOST_ROWS 100 /* three airports, 24 hours, and room */

typedef struct {
  char origin[4];
  int hour;
  long departures, cancelled, delay;
  const char *weather; /* NULL where there is none */
} row;

static int by_place(const void *one, const void *two) {
  const row *a = one, *b = two;
  int origin = strcmp(a->origin, b->origin);
  return origin ? origin : a->hour - b->hour;
}

/* Cuts a line of CSV without quotes; returns how many fields there are. */
static size_t cut(char *line, char **fields, size_t most) {
  size_t count = 0;
  line[strcspn(line, "\r\n")] = 0;
  for (char *at = line; at && count < most; at = strchr(at, ',')) {
    if (count) *at++ = 0;
    fields[count++] = at;
  }
  return count;
}

/* Finds the columns of a header; returns the name that it lacks. */
static const char *columns(char *header, const char *const *names, size_t count, size_t *found) {
  char *fields[64];
  size_t given = cut(header, fields, 64);
  for (size_t i = 0; i < count; i++) {
    for (found[i] = 0; found[i] < given && strcmp(fields[found[i]], names[i]); found[i]++) {}
    if (found[i] == given) return names[i];
  }
  return NULL;
}

static row *place(row *rows, size_t *count, const char *origin, int hour) {
  for (size_t i = 0; i < *count; i++)
    if (rows[i].hour == hour && !strcmp(rows[i].origin, origin)) return &rows[i];
  if (*count == MOST_ROWS || strlen(origin) > 3) return NULL;
  row *new = &rows[(*count)++];
  strcpy(new->origin, origin);
  new->hour = hour;
  return new;
}

static int hours_requires(const wrun_args *args, wrun_plan *plan) {
  wrun_call *split = wrun_with_same(wrun_of(wrun_require(plan, "flights", "split-by-day"), "flights"), args, "source");
  wrun_part(split, wrun_format("days/%s.csv", wrun_get(args, "date")));
  wrun_external(plan, "weather", wrun_get(args, "weather"));
  return WRUN_OK;
}

static int count_flights(row *rows, size_t *count) {
  static const char *const names[] = {"origin", "hour", "dep_delay"};
  size_t at[3];
  char line[1024], *fields[64];
  FILE *in = wrun_open("flights", NULL);
  if (!in) return WRUN_FAILED;
  if (!fgets(line, sizeof line, in)) return wrun_fail("the flights are empty");
  const char *missing = columns(line, names, 3, at);
  if (missing) return wrun_fail("the flights have no column `%s`", missing);
  while (fgets(line, sizeof line, in)) {
    size_t given = cut(line, fields, 64);
    if (given <= at[0] || given <= at[1] || given <= at[2]) return wrun_fail("a flight of %zu fields: %s", given, line);
    row *here = place(rows, count, fields[at[0]], atoi(fields[at[1]]));
    if (!here) return wrun_fail("more airports and hours than %d", MOST_ROWS);
    if (!strcmp(fields[at[2]], "NA")) here->cancelled++;
    else here->departures++, here->delay += atol(fields[at[2]]);
  }
  fclose(in);
  return WRUN_OK;
}

static int join_weather(row *rows, size_t count, wrun_time date) {
  static const char *const names[] = {"origin", "year", "month", "day", "hour", "temp", "wind_speed", "precip", "visib"};
  size_t at[9];
  char line[1024], *fields[64];
  FILE *in = wrun_open("weather", NULL);
  if (!in) return WRUN_FAILED;
  if (!fgets(line, sizeof line, in)) return wrun_fail("the weather is empty");
  const char *missing = columns(line, names, 9, at);
  if (missing) return wrun_fail("the weather has no column `%s`", missing);
  while (fgets(line, sizeof line, in)) {
    size_t given = cut(line, fields, 64);
    for (size_t i = 0; i < 9; i++)
      if (given <= at[i]) return wrun_fail("an hour of %zu fields: %s", given, line);
    if (atoi(fields[at[1]]) != date.year || atoi(fields[at[2]]) != date.month || atoi(fields[at[3]]) != date.day) continue;
    for (size_t i = 0; i < count; i++)
      if (!strcmp(rows[i].origin, fields[at[0]]) && rows[i].hour == atoi(fields[at[4]]))
        rows[i].weather = wrun_format("%s,%s,%s,%s", fields[at[5]], fields[at[6]], fields[at[7]], fields[at[8]]);
  }
  fclose(in);
  return WRUN_OK;
}

static int hours(const wrun_args *args) {
  row *rows = wrun_alloc(MOST_ROWS * sizeof *rows);
  size_t count = 0;
  if (count_flights(rows, &count) || join_weather(rows, count, wrun_when(args, "date"))) return WRUN_FAILED;
  qsort(rows, count, sizeof *rows, by_place);
  FILE *out = wrun_create("hours.csv");
  if (!out) return WRUN_FAILED;
  fputs("origin,hour,departures,cancelled,delay,temp,wind_speed,precip,visib\n", out);
  for (size_t i = 0; i < count; i++)
    fprintf(out, "%s,%d,%ld,%ld,%ld,%s\n", rows[i].origin, rows[i].hour, rows[i].departures, rows[i].cancelled,
            rows[i].delay, rows[i].weather ? rows[i].weather : "NA,NA,NA,NA");
  return wrun_close(out);
}

WRUN_PLUGIN("weather-c", "Hourly weather joined to departures",
  {.name = "hours", .doc = "Join the weather to the departures of a day, by airport and hour",
   .params = WRUN_PARAMS(
     {"date", WRUN_DATE, "Day of the flights", .positional = true},
     {"source", WRUN_PATH, "Flights as CSV", "\"plugins/report/data/flights-2013-01-01-to-10.csv\""},
     {"weather", WRUN_PATH, "Hours of weather as CSV", "\"plugins/weather-c/data/weather-2013-01-01-to-10.csv\""}),
   .outputs = WRUN_OUTPUTS({"hours.csv", WRUN_FILE}),
   .requires = hours_requires, .run = hours})
