/* `wrun test` compiles this natively, with a fake host. */
#include <string.h>
#include "wrun.h"

#define CALL "{\"date\":\"2013-01-07\",\"source\":\"f\",\"weather\":\"w\"}"
#define WEATHER "origin,year,month,day,hour,temp,wind_speed,precip,visib\n"

int main(void) {
  wrun_test_begin();
  WRUN_CHECK(!strcmp(wrun_test_requires("hours", CALL), "flights split-by-day {\"source\":\"f\"}\nweather w\n"));

  wrun_test_input("flights", "2013-01-07.csv", "origin,hour,dep_delay\nJFK,6,5\nEWR,5,-2\nJFK,6,NA\nJFK,6,7\n");
  wrun_test_input("weather", "w.csv", WEATHER "JFK,2013,1,7,6,39.02,8.05,0,10\nJFK,2013,1,8,6,1,1,1,1\n");
  WRUN_CHECK(wrun_test_run("hours", CALL) == WRUN_OK);
  WRUN_CHECK(!strcmp(wrun_test_output("hours.csv"),
                     "origin,hour,departures,cancelled,delay,temp,wind_speed,precip,visib\n"
                     "EWR,5,1,0,-2,NA,NA,NA,NA\n"
                     "JFK,6,2,1,12,39.02,8.05,0,10\n"));

  wrun_test_begin();
  wrun_test_input("flights", "2013-01-07.csv", "origin,hour\n");
  wrun_test_input("weather", "w.csv", WEATHER);
  WRUN_CHECK(wrun_test_run("hours", CALL) != WRUN_OK);
  WRUN_CHECK(!strcmp(wrun_test_error(), "the flights have no column `dep_delay`"));
  return 0;
}
