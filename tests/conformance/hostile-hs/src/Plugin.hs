-- | Misbehaves in Haskell: ../run.py builds and runs it.
module Plugin (plugin) where

import Control.Exception (throwIO, ArithException (..))
import qualified Data.ByteString as B
import qualified Data.Text as T
import Control.Monad (forM)
import Data.Time.Clock (getCurrentTime)
import Foreign.Marshal.Alloc (mallocBytes)
import Foreign.Ptr (Ptr)
import System.CPUTime (getCPUTime)
import System.Directory (getDirectoryContents, getModificationTime)
import System.Environment (getArgs, getEnvironment)
import System.IO
import System.IO.Unsafe (unsafePerformIO)
import WRun hiding (plugin)
import qualified WRun

misbehave :: String -> IO () -> AnyTask
misbehave called act = offer task { name = called, doc = "Misbehave", run = \() () -> act }

-- | A value that fails only when its end is asked for, in the middle of a write.
late :: String
late = "it begins well\n" ++ errorWithoutStackTrace "and ends badly"

-- | Writes down all that could differ from run to run.
probe :: Input -> IO ()
probe seen = do
  now <- getCurrentTime
  cpu <- getCPUTime
  place <- mallocBytes 100 :: IO (Ptr ())
  names <- getDirectoryContents (inputPath seen)
  times <- forM names (\one -> getModificationTime (inputPath seen ++ "/" ++ one))
  around <- getEnvironment
  words' <- getArgs
  writeOutput "out.txt" (unlines [show now, show cpu, show place, show (zip names times), show around, show words'])

plugin :: Plugin
plugin = WRun.plugin "hostile-hs" "Misbehaves in Haskell"
  [ misbehave "throws" (throwIO DivideByZero)
  , misbehave "late" (writeOutput "out.txt" late)
  , misbehave "undefined" (writeOutput "out.txt" (show (length [1, undefined `seq` 2 :: Integer] `seq` (undefined :: Integer))))
  , misbehave "message" (failTask (errorWithoutStackTrace "nested"))
  , misbehave "missing" (B.readFile "/in/none" >>= B.writeFile "/out/x")
  , misbehave "closed" (do { h <- openFile "/out/x" WriteMode; hClose h; hPutStr h "x" })
  , misbehave "nul" (failTask "a\0b \55296 c")
  , offer task { name = "nul-name", doc = "Require by a name with NUL", requires = \() -> () <$ dep "a\0b" "huge" [] }
  , offer task { name = "requires-need", doc = "Need while it is asked what it requires", dynamic = True
               , requires = \() -> unsafePerformIO (need (dep "" "huge" [])) `seq` pure () }
  , misbehave "huge" (writeOutput "out.txt" (replicate 1000000 'x'))
  , misbehave "incomplete" (let Just x = lookup 'a' [('b', ())] in x `seq` pure ())
  , offer task { name = "bytes", doc = "Read as text what is none", requires = \() -> external "text" (T.pack "text")
               , run = \() text' -> readText text' "bad.txt" >>= writeText "out.txt" }
  , offer task { name = "probe", doc = "Write down what can be seen", requires = \() -> external "text" (T.pack "text")
               , run = \() -> probe }
  , offer task { name = "prelude", doc = "The same by the Prelude", requires = \() -> external "text" (T.pack "text")
               , run = \() text' -> readFile (inputPath text' ++ "/bad.txt") >>= writeOutput "out.txt" }
  , offer task { name = "file-need", doc = "Need a file", dynamic = True
               , run = \() () -> () <$ need (external "x" (T.pack "text")) }
  ]
