{-# LANGUAGE ScopedTypeVariables #-}
-- | Where a task runs: in the host, or in a world that a test made. Not for plugins.
module WRun.World (World (..), current, within, message) where

import Control.Exception
import Data.IORef
import System.IO.Unsafe (unsafePerformIO)
import WRun.Requires (Required)

-- | What a test puts in the place of the host.
data World = World
  { outFolder :: FilePath                        -- ^ instead of @\/out@
  , answer :: [Required] -> IO [String]          -- ^ makes what is needed, and says what the inputs are called
  , told :: Maybe Double -> String -> IO ()      -- ^ takes progress
  }

{-# NOINLINE worlds #-}
worlds :: IORef (Maybe World)
worlds = unsafePerformIO (newIORef Nothing)

-- | 'Nothing' is the host.
current :: IO (Maybe World)
current = readIORef worlds

-- | Runs in a world, and goes back to the one before.
within :: World -> IO a -> IO a
within inner act = bracket (atomicModifyIORef' worlds (\outer -> (Just inner, outer))) (writeIORef worlds) (const act)

-- | What an exception says, for people.
message :: SomeException -> String
message error' = case fromException error' of
  Just (io :: IOException) | Just plain <- userMessage (show io) -> plain
  _ -> displayException error'
  where
    userMessage shown = case splitAt 12 shown of
      ("user error (", rest) | not (null rest) -> Just (init rest)
      _ -> Nothing
