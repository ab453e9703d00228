-- | Statistics of the carriers of a day.
module Plugin (plugin) where

import Carriers (statistics)
import Data.Time.Calendar (Day, showGregorian)
import WRun hiding (plugin)
import qualified WRun

data Carriers = Carriers { day :: Day, source, airlines :: Path }

carriers :: Task Carriers (Input, Input)
carriers = task
  { name = "carriers", doc = "Sum up the departures of one day by carrier"
  , params = Carriers
      <$> positional (date "date" "Day of the flights")
      <*> withDefault "\"plugins/report/data/flights-2013-01-01-to-10.csv\"" (path "source" "Flights as CSV")
      <*> withDefault "\"plugins/report/data/airlines.csv\"" (path "airlines" "Names of carriers as CSV")
  , outputs = [File "carriers.csv"]
  , requires = \c -> (,)
      <$> partOf "flights" "flights" "split-by-day" ["source" .= source c] ("days/" ++ showGregorian (day c) ++ ".csv")
      <*> external "airlines" (pathText (airlines c))
  , run = \_ (flights, names) -> do
      table <- statistics <$> readText names "" <*> readText flights ""
      either failTask (writeText "carriers.csv") table
  }

plugin :: Plugin
plugin = WRun.plugin "carriers-hs" "Statistics of carriers" [offer carriers]
