{-# LANGUAGE ExistentialQuantification #-}
-- | Tasks and plugins as records.
module WRun.Task (Task (..), task, AnyTask (..), offer, Plugin (..), plugin, Output (..), Limits (..), noLimits) where

import WRun.Params (Params)
import WRun.Requires (Requires)

-- | One declared output: a name directly under @\/out@.
data Output = File String | Directory String deriving (Eq, Show)

-- | Caps of one run; 'Nothing' is the host's default. None is in a key.
data Limits = Limits
  { memoryBytes, cpuMs, outputBytes, outputFiles, logBytes :: Maybe Integer } deriving (Eq, Show)

-- | The host's defaults.
noLimits :: Limits
noLimits = Limits Nothing Nothing Nothing Nothing Nothing

-- | A task type: @p@ are its params, @i@ is what its run is given of what it requires.
data Task p i = Task
  { name :: String
  , doc :: String
  , params :: Params p
  , outputs :: [Output]              -- ^ none is all of @\/out@
  , requires :: p -> Requires i      -- ^ pure, and asked before anything runs
  , run :: p -> i -> IO ()           -- ^ an exception is a failure, with its message
  , version :: Maybe String          -- ^ a promise: equal versions make equal bytes, whatever the component
  , dynamic :: Bool                  -- ^ whether @run@ may call 'WRun.need'
  , nativeNan :: Bool
  , retries :: Int
  , limits :: Limits
  }

-- | A task without params that requires and does nothing: @task { name = …, params = …, requires = …, run = … }@.
task :: Task () ()
task = Task "" "" (pure ()) [] (const (pure ())) (\_ _ -> pure ()) Nothing False False 0 noLimits

-- | A task of any params.
data AnyTask = forall p i. AnyTask (Task p i)

-- | Puts a task into the list of a plugin.
offer :: Task p i -> AnyTask
offer = AnyTask

-- | What a component offers.
data Plugin = Plugin
  { pluginId :: String
  , pluginDoc :: String
  , tasks :: [AnyTask]
  , defaultGoal :: Maybe String      -- ^ 'Nothing' is the last task
  }

-- | A plugin: its id, its doc, its tasks; the last one is the default goal.
plugin :: String -> String -> [AnyTask] -> Plugin
plugin i d offered = Plugin i d offered Nothing
