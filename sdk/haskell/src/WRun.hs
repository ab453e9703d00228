-- | Tasks of wrun in Haskell.
--
-- A package has a module @Plugin@ that exports @plugin :: Plugin@. Params and requirements are applicatives, so
-- they are read without running anything. Inputs are files under @\/in@, outputs are files under @\/out@.
--
-- > module Plugin (plugin) where
-- > import qualified WRun
-- > import WRun hiding (plugin)
-- >
-- > plugin :: Plugin
-- > plugin = WRun.plugin "counts" "Counts of lines" [offer task
-- >   { name = "count", doc = "Count the lines of a file"
-- >   , params = path "source" "File to count"
-- >   , requires = \source -> external "log" (pathText source)
-- >   , run = \_ logs -> do
-- >       text <- readText logs ""
-- >       writeOutput "count.txt" (show (length (lines (show text)))) }]
--
-- 'Int' has 32 bits here: params arrive as 'Integer'. An exception fails the task with its message.
module WRun
  ( module WRun.Task, module WRun.Params, module WRun.Requires, module WRun.Files
  , need, progress, Value (..), failTask, Container
  ) where

import WRun.Container (Container)
import WRun.Files
import WRun.Host (need, progress)
import WRun.Json (Value (..))
import WRun.Params hiding (readParams, specs, kindText)
import WRun.Requires hiding (containerOf, inputs, sources)
import WRun.Task

-- | Fails the task with a message for people.
failTask :: String -> IO a
failTask = ioError . userError
